import type { Policy } from '../policy/model.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';
import type { Container, Network, World } from '../world/world.ts';
import type { ComposeProject } from './compose-file.ts';

/**
 * A world with the projects of compose files in it that are down: their networks with the subnets that the files fix, and
 * one container for each service. What runs is left as it is seen.
 */
export function withComposeProjects(world: World, projects: readonly ComposeProject[]): World {
  const networks = new Map(world.networks.map((network) => [network.name, network]));
  const containers = [...world.containers];
  let made = 0;
  for (const { project, networks: its, services } of projects) {
    for (const { key, engineName, subnets, gateways, bridge } of its) {
      if (networks.has(engineName) || subnets.length === 0) continue;
      made += 1;
      networks.set(engineName, {
        id: standInId(made),
        name: engineName,
        driver: 'bridge',
        bridge: { name: bridge ?? `br-${standInId(made).slice(0, 12)}`, index: made, mac: '02:00:00:00:00:00' },
        subnets,
        gateways,
        internal: false,
        project,
        composeKey: key,
      });
    }
    const running = new Set(world.containers.flatMap((one) => (one.project === project ? one.service : [])));
    const byKey = new Map(its.map(({ key, engineName }) => [key, networks.get(engineName)]));
    for (const service of services) {
      if (running.has(service.name)) continue;
      made += 1;
      const endpoints = service.networks.flatMap(({ key, fixed }) => {
        const network = byKey.get(key);
        return network === undefined ? [] : [{ network, fixed }];
      });
      containers.push(standIn(made, { project, service: service.name }, endpoints));
    }
  }
  return { ...world, networks: [...networks.values()], containers };
}

/**
 * A world in which every network that is to be judged has somebody on it: where nobody is yet, a stand-in of the project,
 * or for networks of no named project one that nothing names.
 *
 * @returns the world, and the ids of those stand-ins
 */
export function withNewcomers(
  world: World,
  ruleset: Ruleset,
  policy: Policy,
): { readonly world: World; readonly newcomers: ReadonlySet<string> } {
  const seated = new Set(ruleset.seats.map(({ network }) => network));
  const enrolled = new Set(ruleset.bridges.map(({ name }) => name));
  const empty = world.networks.filter(
    ({ id, bridge }) => bridge !== null && enrolled.has(bridge.name) && !seated.has(id),
  );
  const newcomers = empty.flatMap((network, at) => {
    const services = network.project === null ? [null] : servicesNamed(policy, network.project);
    return services.map((service, number) =>
      standIn(500_000 + at * 1000 + number, service === null ? null : { project: network.project as string, service }, [
        { network, fixed: [] },
      ]),
    );
  });
  return {
    world: { ...world, containers: [...world.containers, ...newcomers] },
    newcomers: new Set(newcomers.map(({ id }) => id)),
  };
}

/** The services that a policy tells apart in a project, and one that it does not. */
function servicesNamed(policy: Policy, project: string): readonly string[] {
  const named = policy.projects
    .filter(({ pattern }) => !pattern.wild && pattern.text === project)
    .flatMap(({ services }) => services.flatMap(({ pattern }) => (pattern.wild ? [] : pattern.text)));
  return named.length > 0 ? [...new Set(named)] : ['any-service'];
}

function standInId(number: number): string {
  return number.toString(16).padStart(12, '0').padEnd(64, '0');
}

function standIn(
  number: number,
  workload: { readonly project: string; readonly service: string } | null,
  endpoints: readonly {
    readonly network: Network;
    readonly fixed: NonNullable<Container['endpoints'][number]['fixed']>;
  }[],
): Container {
  return {
    id: standInId(number),
    name: workload === null ? 'any-container' : `${workload.project}-${workload.service}-1`,
    image: '',
    running: false,
    pid: null,
    project: workload?.project ?? null,
    service: workload?.service ?? null,
    labels: new Map(),
    composeFiles: [],
    networkMode: { kind: 'networks' },
    endpoints: endpoints.map(({ network, fixed }) => ({
      network: network.id,
      addresses: [],
      ...(fixed.length === 0 ? {} : { fixed }),
      mac: null,
      port: null,
    })),
    published: [],
    resolvers: [],
  };
}
