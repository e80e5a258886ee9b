import type { Family } from '../ip/address.ts';
import { codes } from '../policy/codes.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';
import { matches } from '../policy/pattern.ts';
import { compile } from '../ruleset/compile.ts';
import type { World } from '../world/world.ts';
import type { ComposeProject } from './compose-file.ts';
import { occupantsOf } from './occupants.ts';
import { type Note, note, type StaticPlan } from './plan.ts';
import { sendersOn } from './senders.ts';
import { withComposeProjects, withNewcomers } from './stand-ins.ts';

/**
 * A policy for static rules: compiled as the kernel's is, then said by subnets and fixed addresses. What those cannot say
 * is denied rather than allowed, and noted.
 *
 * @param compose the compose files that the policy lists, for projects that are down
 * @param now milliseconds since the epoch; permissions whose `until` has passed are left out
 */
export function makePlan(policy: Policy, seen: World, compose: readonly ComposeProject[], now: number): StaticPlan {
  const known = withComposeProjects(seen, compose);
  const { world, newcomers } = withNewcomers(known, compile(policy, known, now).ruleset, policy);
  const { ruleset, diagnostics } = compile(policy, world, now);
  const enrolled = new Set(ruleset.bridges.map(({ name }) => name));
  const networks = world.networks
    .filter(({ bridge }) => bridge !== null && enrolled.has(bridge.name))
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const from = {
    ruleset,
    world,
    occupants: occupantsOf(world),
    newcomers,
    builds: policy.defaults.build === 'allow',
    lasting: new Set(
      compose.flatMap((file) =>
        file.networks.filter(({ subnets }) => subnets.length > 0).map(({ engineName }) => engineName),
      ),
    ),
  };
  const has = (family: Family) =>
    networks.some(({ subnets }) => subnets.some(({ address }) => address.family === family));
  const families = { 4: has(4), 6: has(6) };
  const senders = ([4, 6] as const).flatMap((family) =>
    networks.flatMap((network) => {
      const its = sendersOn(network, family, from);
      return its.every(({ rules }) => isOpen(rules.forward) && isOpen(rules.host)) ? [] : its;
    }),
  );
  return {
    denied: ruleset.denied,
    families,
    senders,
    notes: [
      ...absentProjects(policy, world, compose),
      ...unseenPorts(seen, compose),
      ...ruleset.unheld.map(({ workload, reason }) => note(`${workload} is not held by these rules: ${reason}`)),
      ...diagnostics.filter(isWorthSaying).map(({ message, source }) => note(message, { source })),
      ...(policy.defaults.unknownBridge === 'deny'
        ? [note('unknown-bridge: deny: bridges that come later are not known to these rules, and pass')]
        : []),
    ],
  };
}

function isOpen(rules: StaticPlan['senders'][number]['rules']['forward']): boolean {
  return rules.every(({ verdict }) => verdict === 'allow');
}

/** Of compiling: what nobody runs yet is said of projects, and what cannot be held by workload. */
function isWorthSaying({ code }: Diagnostic): boolean {
  return code !== codes.nothingRuns.code && code !== codes.notEnforceable.code;
}

/**
 * Services that do not run and will publish ports: a published port counts as its service (decision 0004), and which host
 * addresses and ports the engine gives it is known when it runs.
 */
function unseenPorts(seen: World, compose: readonly ComposeProject[]): readonly Note[] {
  return compose.flatMap(({ project, services, file }) => {
    const running = new Set(seen.containers.flatMap((one) => (one.project === project ? one.service : [])));
    const down = services.filter(({ name, publishes }) => publishes && !running.has(name)).map(({ name }) => name);
    if (down.length === 0) return [];
    const which = down.map((name) => `${project}/${name}`).join(', ');
    return note(
      `${which} is down: at the ports that ${file} publishes on the host, what policy says of it is not in these rules; render again while it runs`,
    );
  });
}

/** Projects that a policy names and of whose networks nothing is known. */
function absentProjects(policy: Policy, world: World, compose: readonly ComposeProject[]): readonly Note[] {
  const missing = policy.projects.filter(
    ({ pattern }) => !world.networks.some(({ project }) => project !== null && matches(pattern, project)),
  );
  return missing.map(({ pattern, source }) => {
    const file = compose.find(({ project }) => matches(pattern, project))?.file;
    const mend =
      file === undefined
        ? 'start it, or list its compose file under "compose:", with a fixed subnet in it'
        : `${file} fixes no subnet for its networks`;
    return note(`project ${pattern.text} has no network here, so nothing holds it: ${mend}`, { source });
  });
}
