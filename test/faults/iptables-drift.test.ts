/** The daemon with iptables: what somebody else does to its rules is found by looking, and undone. */
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import type { Daemon } from '../../lab/daemon.ts';
import { until } from '../../lab/exec.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { full, randomFor, record } from '../campaign/campaign.ts';
import { waysByIptables } from '../packets/backends.ts';
import { gapOf } from './gap.ts';
import { deeds } from './iptables-deeds.ts';

/** Packets a second: how finely a gap is measured. */
const rates = { denied: 1000, allowed: 200 };

/** Milliseconds: the longest pause between two looks, and a look and a repair. */
const longest = 90_000;

const steady = `version: '3'
services: { one: { image: lab/app } }
`;

/** One by seed, or all, which `SLUICE_FAULTS=all` asks for as well. */
const done =
  full || process.env['SLUICE_FAULTS'] === 'all' ? deeds : [randomFor('what is done to rules in iptables').pick(deeds)];

describe.each(waysByIptables())('on engine $name', { timeout: 600_000 }, ({ engine, backend }) => {
  let site: Site;
  let daemon: Daemon;

  beforeAll(async () => {
    site = await openSite({ engine });
    site.host.write(
      '/etc/sluice/policy.yaml',
      'version: 1\ndefaults: { unknown-bridge: deny }\nprojects: { steady: { allow: [internet] } }\n',
    );
    daemon = await site.host.daemon({ args: ['--backend', backend] });
    await site.host.compose('steady', steady, 'up', '-d');
    // what nobody knows may send nothing
    const probe = () => site.host.probe('steady/one', { to: site.internet.v4, port: 443 });
    await until('the container held', async () => ((await probe()).outcome === 'answered' ? true : undefined));
  });
  afterAll(() => site?.stop());

  test.each(done.map((deed) => [deed.name, deed] as const))('%s', async (name, deed) => {
    onTestFailed(() => console.log(`the daemon's last words:\n${daemon.log.slice(-5_000)}`));
    const stream = (to: string, rate: number) =>
      site.host.stream('steady/one', { proto: 'udp', to, port: 4000, rate, outside: true });
    const allowed = await stream(site.internet.v4, rates.allowed);
    const denied = await stream(site.private.v4, rates.denied);
    const { observer } = site.internet;
    const arriving = async () => {
      const before = await observer.count(allowed.token);
      await until('what is allowed arrives', async () =>
        (await observer.count(allowed.token)) > before + 10 ? true : undefined,
      );
    };
    await arriving();
    expect(await site.private.observer.count(denied.token)).toBe(0);
    const before = (await daemon.status()).repairs[0]?.at ?? 0;
    for (const command of deed.commands(backend)) await site.host.must(command);
    const repair = await until(
      `the repair of ${deed.told[0]}`,
      async () =>
        (await daemon.status()).repairs.find(
          ({ at, tables }) => at > before && tables.some((one) => deed.told.includes(one)),
        ),
      longest,
    );
    for (const command of deed.after?.(backend) ?? []) await site.host.must(command);
    await arriving();
    const through = await gapOf(denied, site.private.observer);
    const { sent } = await allowed.stop();
    const lost = sent - (await observer.count(allowed.token));
    const { drift, troubles } = await daemon.status();
    if (drift.kind !== 'looked-for') throw new Error('the daemon does not look');
    record({
      chapter: 'drift',
      engine,
      what: `${name}, by ${backend}`,
      numbers: {
        'denied passed for, ms': through.ms.toFixed(0),
        'allowed lost for, ms': ((1000 * lost) / rates.allowed).toFixed(0),
        'put back within, ms': repair.took,
        'looked for every, ms': drift.every,
        'one look, ms': drift.took ?? 'none',
      },
    });
    // it had an effect, or this proves nothing
    if (deed.effect === 'opens') expect(through.arrived).toBeGreaterThan(0);
    else {
      expect(through.arrived).toBe(0);
      expect(lost).toBeGreaterThan(rates.allowed / 100);
    }
    expect(['', 'iptables', 'ebtables']).toContain(/^[a-z]*/.exec(repair.by.name)?.[0]);
    expect(troubles).toEqual([]);
  });

  test('and status says so', async () => {
    const shown = await site.host.sluice('status');
    expect(shown.code, shown.stdout + shown.stderr).toBe(0);
    expect(shown.stdout).toMatch(/drift is looked for every \d/);
    expect(done.at(-1)?.told.some((one) => shown.stdout.includes(one))).toBe(true);
  });
});
