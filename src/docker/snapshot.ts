import { setTimeout as wait } from 'node:timers/promises';
import type { KernelView } from '../host/kernel-view.ts';
import type { World } from '../world/world.ts';
import { askNetns, buildWorld } from './build-world.ts';
import type { Seen } from './containers.ts';
import type { ContainerSummary, EngineApi } from './engine-api.ts';
import { EngineError } from './engine-error.ts';
import { Images } from './images.ts';
import { mapParallel } from './parallel.ts';
import { lacksPort } from './unsettled.ts';

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
 * - One of which the list says more than is read is `unidentified`, and no container.
 * - One whose image is gone or cannot be read cannot be told from what its image claims: it is `unidentified`, and a
 *   container that is `unproven`.
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
  const { containers, unreadable: unread } = await api.containers();
  const seen = await inspectAll(api, containers);
  const { images, unreadable } = await new Images(api).of(seen);
  const { networks } = await api.networks(); // after the containers: theirs are all there
  const interfaces = { links: kernel.links(), addresses: kernel.addresses() };
  const world = buildWorld(
    { engine, seen, unread, images, unreadable, networks },
    interfaces,
    kernel,
    askNetns(kernel),
  );
  return { world, settled: isSettled(world, seen) };
}

async function inspectAll(api: EngineApi, list: readonly ContainerSummary[]): Promise<readonly Seen[]> {
  let busy = 0;
  const seen = await mapParallel(list, async (details): Promise<Seen | undefined> => {
    const answer = await api.container(details.id);
    if (answer.kind === 'found') return { kind: 'details', details: answer.value };
    if (answer.kind === 'gone') return undefined;
    if (answer.kind === 'unreadable') return { kind: 'summary', details };
    if (++busy > mostBusy)
      throw new EngineError(
        'unreachable',
        `the engine lists its containers, but does not answer about ${busy} of them: restart it (systemctl restart docker)`,
      );
    return { kind: 'summary', details };
  });
  return seen.filter((one) => one !== undefined);
}

/** Whether everything that should be there was found: else something changed while we looked. */
function isSettled(world: World, seen: readonly Seen[]): boolean {
  return (
    seen.every(({ kind }) => kind === 'details') && world.unidentified === undefined && lacksPort(world).length === 0
  );
}
