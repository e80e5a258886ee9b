import { expect, vi } from 'vitest';
import { FakeEngine } from '../../src/docker/fake-engine.ts';
import { openMirror } from '../../src/docker/mirror.ts';
import { readWorld } from '../../src/docker/snapshot.ts';
import { FakeKernel } from '../../src/host/fake-kernel.ts';
import { encodeWorld } from '../../src/world/json.ts';
import type { Container, World } from '../../src/world/world.ts';

/** Waits until it holds; a busy machine may take its time. */
export const soon = <Result>(holds: () => Result | Promise<Result>) => vi.waitFor(holds, { timeout: 20_000 });

/** @param small the number of containers up to which a host is small */
export function host(small = 0) {
  const kernel = new FakeKernel();
  kernel.resolvConf('nameserver 192.0.2.53\n');
  const engine = new FakeEngine(kernel);
  const onLate = vi.fn<() => void>();
  const mirror = openMirror(engine, kernel, onLate, small);
  engine.follow((notice) => {
    if (notice.kind === 'event') mirror.note(notice.event);
    else mirror.forget();
  });
  return { kernel, engine, mirror, onLate };
}

/**
 * The mirror shows what a fresh look shows: at once, or, where the machine was too busy for an answer in time, when the
 * mirror itself says that the rest has come. On a machine that stalls the next answer may be late again.
 */
export async function expectTrue({ kernel, engine, mirror, onLate }: ReturnType<typeof host>): Promise<World> {
  for (let reading = 1; ; reading++) {
    const said = onLate.mock.calls.length;
    const world = await mirror.readWorld();
    const fresh = encodeWorld(await readWorld(engine, kernel));
    if (JSON.stringify(encodeWorld(world)) === JSON.stringify(fresh)) return world;
    await vi.waitFor(() => expect(onLate.mock.calls.length).toBeGreaterThan(said), { timeout: 500 }).catch(() => {});
    if (onLate.mock.calls.length === said || reading === 5) expect(encodeWorld(world)).toEqual(fresh);
  }
}

export const named = (world: World, name: string): Container => {
  const found = world.containers.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no ${name} among ${world.containers.map((one) => one.name).join(', ')}`);
  return found;
};
