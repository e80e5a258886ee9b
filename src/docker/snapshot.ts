import { setTimeout as wait } from 'node:timers/promises';
import { hostAddresses } from '../host/addresses.ts';
import type { KernelView } from '../host/kernel-view.ts';
import type { Container, Unidentified, World } from '../world/world.ts';
import { buildContainers, type Seen } from './containers.ts';
import type { ContainerSummary, EngineApi, ImageDetails } from './engine-api.ts';
import { EngineError } from './engine-error.ts';
import { buildNetworks, hostGateway } from './networks.ts';

/** Asked at once of the engine; it works on them one by one where they share a lock. */
const parallel = 8;
/** So many containers that do not answer mean an engine that hangs, not containers that are being started. */
const mostBusy = 32;
/** Containers that start and stop while we look make a picture that does not fit together: look again. */
const attempts = 4;
const pause = 60; // ms

/**
 * What runs on the host, asked of the engine and of the kernel at one moment, as near as that can be.
 *
 * - A container that vanishes between list and inspect is not there.
 * - One whose inspect does not come in time, because it is being started or the engine hangs on it, is there by what
 *   the list says of it: its identity and networks, without addresses and ports. So nothing it sends is proven.
 * - One whose image is gone cannot be told from what its image claims: it is `unidentified`, and not a container.
 *
 * @throws EngineError, and what the KernelView throws
 */
export async function readWorld(api: EngineApi, kernel: KernelView): Promise<World> {
  for (let attempt = 1; ; attempt++) {
    const { world, settled } = await look(api, kernel);
    if (settled || attempt === attempts) return world;
    await wait(pause);
  }
}

async function look(api: EngineApi, kernel: KernelView): Promise<{ world: World; settled: boolean }> {
  const engine = await api.version();
  const seen = await inspectAll(api, await api.containers());
  const images = await inspectImages(api, seen);
  const networks = await api.networks(); // after the containers: theirs are all there
  const links = kernel.links(); // before namespace ids, which a listing gives
  const addresses = kernel.addresses();
  const settings = kernel.engineSettings();
  const known = buildNetworks(networks, links, addresses);
  const engineMajor = Number.parseInt(engine.version, 10);
  const { containers, unidentified } = buildContainers({
    seen,
    images,
    networks,
    bridges: new Map(known.map(({ id, bridge }) => [id, bridge?.index ?? null])),
    links,
    netnsIdOf: (pid) => kernel.netnsIdOf(pid),
    engineMajor: Number.isNaN(engineMajor) ? 0 : engineMajor,
    engineDns: settings.dns,
    hostNameservers: kernel.nameservers(),
  });
  const world: World = {
    engine: { ...engine, hostGateway: hostGateway(known, settings.hostGateway) },
    host: {
      name: kernel.hostname(),
      addresses: hostAddresses(links, addresses),
      bridgeNetfilter: kernel.bridgeNetfilter(),
    },
    networks: known,
    containers,
    ...(unidentified.length === 0 ? {} : { unidentified }),
  };
  return { world, settled: isSettled(world, unidentified, seen) };
}

async function inspectAll(api: EngineApi, list: readonly ContainerSummary[]): Promise<readonly Seen[]> {
  let busy = 0;
  const seen = await mapParallel(list, async (details): Promise<Seen | undefined> => {
    const answer = await api.container(details.id);
    if (answer.kind === 'found') return { kind: 'details', details: answer.value };
    if (answer.kind === 'gone') return undefined;
    if (++busy > mostBusy)
      throw new EngineError(
        'unreachable',
        `the engine lists its containers, but does not answer about ${busy} of them: restart it (systemctl restart docker)`,
      );
    return { kind: 'summary', details };
  });
  return seen.filter((one) => one !== undefined);
}

/** The images' labels, each image asked once; an image that is gone or does not answer is not there. */
async function inspectImages(api: EngineApi, seen: readonly Seen[]): Promise<ReadonlyMap<string, ImageDetails>> {
  const ids = [...new Set(seen.map(({ details }) => details.imageId))];
  const found = await mapParallel(ids, async (id) => {
    const answer = await api.image(id);
    return answer.kind === 'found' ? ([id, answer.value] as const) : undefined;
  });
  return new Map(found.filter((one) => one !== undefined));
}

/** Whether everything that should be there was found: else something changed while we looked. */
function isSettled(world: World, unidentified: readonly Unidentified[], seen: readonly Seen[]): boolean {
  const bridged = new Set(world.networks.filter(({ bridge }) => bridge !== null).map(({ id }) => id));
  const lacksPort = ({ running, endpoints }: Container) =>
    running && endpoints.some(({ network, port }) => port === null && bridged.has(network));
  return seen.every(({ kind }) => kind === 'details') && unidentified.length === 0 && !world.containers.some(lacksPort);
}

async function mapParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, items.length) }, worker));
  return results;
}
