import { expect, test } from 'vitest';
import { renderRuleset } from '../../src/nftables/render.ts';
import { compile } from '../../src/ruleset/compile.ts';
import { clauseBound, TooLargeError } from '../../src/ruleset/too-large.ts';
import { full } from '../campaign/campaign.ts';
import { DaemonHost, filesOf, wait } from '../daemon/host.ts';
import { buildWorld, type ContainerSketch } from '../generate/build.ts';
import { now, policyOf } from './support.ts';

const containers = (count: number): readonly ContainerSketch[] =>
  Array.from({ length: count }, (_, at) => ({ name: `app-s${at}-1`, workload: `app/s${at}`, on: ['app_default'] }));
const world = (count: number) =>
  buildWorld({
    networks: [{ name: 'app_default', subnets: ['172.20.0.0/16'], project: 'app' }],
    containers: containers(count),
  });
const list = (count: number): string =>
  Array.from({ length: count }, (_, at) => `"10.${at >> 14}.${(at >> 6) & 255}.${(at & 63) << 2}/30"`).join(', ');

/** Comes to 10,000 elements for each container. */
const heavy = () => {
  const ports = Array.from({ length: 50 }, (_, at) => 2 * at + 1).join(',');
  return `groups: { many: [${list(200)}] }\nprojects: { app: { allow: [{ to: many, ports: ["${ports}"] }] } }\n`;
};

test('what comes to more than is held only for what runs is refused when it is compiled', () => {
  expect(compile(policyOf(heavy()), world(100), now).ruleset.programs).toHaveLength(100);
  expect(() => compile(policyOf(heavy()), world(101), now)).toThrow(TooLargeError);
});

test('clauses are counted while they are made: a whole run makes so many that memory would be full', () => {
  const bound = clauseBound();
  bound(2_000_000);
  expect(() => bound(1)).toThrow(TooLargeError);
  const count = full ? 20_000 : 10;
  const policy = policyOf(`groups: { many: [${list(count)}] }\nprojects: { app: { allow: [many] } }\n`);
  const before = process.memoryUsage().heapUsed;
  const compiled = () => compile(policy, world(400), now);
  if (full) expect(compiled).toThrow(TooLargeError);
  else expect(compiled().ruleset.programs).toHaveLength(400);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(2 ** 31);
});

test('a long list of networks with ports takes time that grows with its length only', () => {
  const taken = [2_000, 16_000].map((count) => {
    const policy = policyOf(
      `groups: { many: [${list(count)}] }\nprojects: { app: { allow: [{ to: many, ports: [443, "8000-9000"] }] } }\n`,
    );
    const { ruleset } = compile(policy, world(1), now);
    const begun = process.threadCpuUsage();
    const sets = renderRuleset(ruleset).flatMap((table) => table.sets);
    const { user, system } = process.threadCpuUsage(begun);
    expect(sets.find(({ name }) => name.startsWith('wide.'))?.elements).toHaveLength(2 * count);
    return user + system;
  }) as [number, number];
  // quadratic would be 64 times as long
  expect(taken[1] / taken[0]).toBeLessThan(32);
});

test('a daemon for which it grew too large holds what it held, says so, and does not try again and again', async () => {
  const host = new DaemonHost();
  const [file] = filesOf('[internet]').texts;
  if (file === undefined) throw new Error('no file');
  const text = `version: 1\n${heavy()}`;
  host.files = {
    ...filesOf('[internet]'),
    texts: [{ ...file, text }],
    policy: policyOf(heavy()),
  };
  host.world = world(2);
  const daemon = await host.start();
  const troublesAre = (codes: readonly string[]) =>
    expect
      .poll(async () => (await daemon.status()).troubles.map(({ code }) => code), { timeout: 30_000 })
      .toEqual(codes);
  await expect.poll(() => host.applied !== null, { timeout: 30_000 }).toBe(true);
  await troublesAre([]);
  const loads = host.loads.length;
  expect(loads).toBeGreaterThan(0);
  host.world = world(101);
  host.wake();
  await troublesAre(['too-large']);
  const { state, troubles } = await daemon.status();
  expect([state, troubles[0]?.message]).toEqual(['degraded', expect.stringContaining('more than 1000000 elements')]);
  expect(host.loads.length).toBe(loads);
  const { readings } = host;
  await wait(3_000); // it would have tried again each second
  expect(host.readings).toBe(readings);
  host.world = world(2);
  host.wake();
  await troublesAre([]);
  await daemon.stop();
});
