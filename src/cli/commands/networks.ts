import { suggest } from '../../policy/suggest.ts';
import type { Context } from '../context.ts';
import { CliError } from '../error.ts';
import type { Exit } from '../exit.ts';
import { readForce } from '../force.ts';
import type { Given } from '../given.ts';
import { type NetworkFacts, networkFacts } from '../networks/facts.ts';
import { networkLines, networksLines } from '../networks/screen.ts';
import { readSurroundings } from '../situation.ts';

/** `sluice networks`: the engine's networks, what their drivers mean, who is on them, and what of it is held. */
export async function networks(context: Context, given: Given): Promise<Exit> {
  const worldFile = given.text('world');
  const { world, situation, why } = await readSurroundings(context, worldFile);
  const all = networkFacts(world, situation?.ruleset ?? null);
  const wanted = given.argument(0);
  const shown = wanted === '' ? all : named(wanted, all);
  const force = situation === null || worldFile !== undefined ? null : await readForce(context, situation);
  context.screen.show(
    { command: 'networks', version: 1, inForce: force?.inForce ?? null, problem: why, networks: shown.map(json) },
    (view) =>
      wanted === ''
        ? networksLines(shown, why, force, view)
        : shown.flatMap((one, at) => [...(at === 0 ? [] : ['']), ...networkLines(one, why, force, view)]),
  );
  return 'ok';
}

/** By name, of which up to API 1.43 several may have the same, or by the beginning of an id. */
function named(wanted: string, all: readonly NetworkFacts[]): readonly NetworkFacts[] {
  const byName = all.filter(({ network }) => network.name === wanted);
  if (byName.length > 0) return byName;
  const byId = /^[0-9a-z]{6,64}$/.test(wanted) ? all.filter(({ network }) => network.id.startsWith(wanted)) : [];
  if (byId.length > 0) return byId;
  const near = suggest(
    wanted,
    all.map(({ network }) => network.name),
  );
  throw new CliError(
    'unable',
    `no network is called "${wanted}"`,
    near === undefined ? 'sluice networks lists them' : `did you mean ${near}?`,
  );
}

function json({ network, driver, meaning, subnets, gateways, settings, holding, members }: NetworkFacts): object {
  return {
    id: network.id,
    name: network.name,
    driver,
    meaning,
    subnets,
    gateways,
    bridge: network.bridge?.name ?? null,
    internal: network.internal,
    ipv6: network.ipv6 ?? null,
    ...settings,
    project: network.project,
    composeKey: network.composeKey,
    held: holding.kind,
    reason: holding.reason,
    containers: members.map(({ container, workload, shares, addresses, published, mode, reason }) => ({
      id: container.id,
      name: container.name,
      workload,
      running: container.running,
      shares,
      addresses,
      published,
      mode,
      reason,
    })),
  };
}
