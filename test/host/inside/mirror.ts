/**
 * Follows the engine of the host it runs on, keeps a mirror of it and reads that again after everything it hears, as the
 * daemon does. A line on its input is a question: it answers with a line of JSON, a Report. Its argument is the number
 * of containers up to which the host counts as small.
 */
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { openEngine } from '../../../src/docker/client.ts';
import { findEngine } from '../../../src/docker/context.ts';
import { followEvents } from '../../../src/docker/events.ts';
import { openMirror } from '../../../src/docker/mirror.ts';
import { readWorld } from '../../../src/docker/snapshot.ts';
import { readSmallFile } from '../../../src/host/files.ts';
import { kernelView } from '../../../src/host/kernel-view.ts';
import { encodeWorld } from '../../../src/world/json.ts';
import type { World } from '../../../src/world/world.ts';

export interface Report {
  /** The mirror's last world and one read afresh; equal as soon as nothing is under way any more. */
  readonly mirrored: unknown;
  readonly fresh: unknown;
  /** Milliseconds until they were equal. */
  readonly after: number;
  /** Everything heard and read since the last question, in order: `start web`, `gap`, `read web:running@front,back`. */
  readonly log: readonly string[];
  /** Milliseconds that each reading took. */
  readonly readings: readonly number[];
  /** Resident memory, bytes. */
  readonly memory: number;
}

const engine = findEngine({ env: process.env, homeDirectory: '/root', readFile: readSmallFile });
if (engine.kind !== 'unix') throw new Error(engine.message);
const api = openEngine(engine);
const kernel = kernelView();
let log: string[] = [];
let readings: number[] = [];
let world: World | undefined;
let wanted = false;
let reading = false;

const mirror = openMirror(api, kernel, () => void read(), Number(process.argv[2]));
followEvents(engine, (notice) => {
  if (notice.kind === 'event') {
    const { event } = notice;
    mirror.note(event);
    log.push(`${event.action} ${(event.container ?? '').slice(0, 12)}`);
  } else {
    log.push(notice.kind === 'gap' ? `gap ${notice.reason}` : notice.kind);
    mirror.forget();
  }
  if (notice.kind !== 'gap') void read();
});

async function read(): Promise<void> {
  wanted = true;
  if (reading) return;
  reading = true;
  while (wanted) {
    wanted = false;
    const began = performance.now();
    try {
      world = await mirror.readWorld();
      log.push(`read ${shown(world)}`);
    } catch (error) {
      log.push(`failed ${String(error)}`); // an engine that is away comes back with `connected`
    }
    readings.push(performance.now() - began);
  }
  reading = false;
}

function shown({ networks, containers }: World): string {
  const nameOf = new Map(networks.map(({ id, name }) => [id, name]));
  const places = containers.map(
    ({ id, running, endpoints }) =>
      `${id.slice(0, 12)}:${running ? 'running' : 'still'}@${endpoints.map(({ network }) => nameOf.get(network)).join(',')}`,
  );
  return places.join(' ');
}

for await (const _question of createInterface({ input: process.stdin })) {
  const began = performance.now();
  let report: Report;
  do {
    await wait(20);
    const mirrored = world === undefined ? null : encodeWorld(world);
    const fresh = await readWorld(api, kernel).then(encodeWorld, () => null);
    const after = performance.now() - began;
    report = { mirrored, fresh, after, log, readings, memory: process.memoryUsage.rss() };
  } while (JSON.stringify(report.mirrored) !== JSON.stringify(report.fresh) && report.after < 8_000);
  console.log(JSON.stringify(report));
  log = [];
  readings = [];
}
process.exit();
