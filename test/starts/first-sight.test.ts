/** A container that starts while the engine tells nobody anything: the kernel shows who is behind its port. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Daemon } from '../../lab/daemon.ts';
import { until } from '../../lab/exec.ts';
import { firstImage } from '../../lab/first.ts';
import { EngineRelay } from '../../lab/relay.ts';
import { openSite } from '../../lab/site.ts';
import { create, finished, makeNetwork, outcome, start, startersPolicy } from '../../lab/starters.ts';
import { iptablesVariant, waysOf } from '../packets/backends.ts';
import { deniedOf } from './rounds.ts';

const policy = `version: 1
defaults: { unknown-bridge: deny }
projects: { starter: ${startersPolicy} }
`;

describe.each(waysOf({ '28.5': iptablesVariant }))('on engine $name', { timeout: 200_000 }, ({ engine, backend }) => {
  test('a container that was created before the engine fell silent may send what it may, and no more', async () => {
    await using site = await openSite({ engine });
    await site.host.image(firstImage);
    await makeNetwork(site);
    const relay = await EngineRelay.open(site.host.cell);
    site.host.write('/etc/sluice/policy.yaml', policy);
    const daemon = await site.host.daemon({ args: ['--host', relay.address, '--backend', backend] });
    const { reconciles: before } = (await daemon.status()).counts;
    const created = await create(site, 3, 250);
    await planned(daemon, before);
    await relay.hide();
    await Promise.all(created.map(({ id }) => start(site, id)));
    await finished(250);
    const starts = await Promise.all(created.map((one) => outcome(site, one)));
    expect(deniedOf(starts)).toBe(0);
    expect(starts.map(({ first }) => first)).not.toContain(null);
    expect((await daemon.status()).troubles.map(({ code }) => code)).toContain('engine-gone');
  });
});

/** Waits until what was created has its seats: the daemon has looked, and has nothing more to look at. */
async function planned(daemon: Daemon, before: number): Promise<void> {
  await until('seats for all of them', async () => {
    const { reconciles } = (await daemon.status()).counts;
    await sleep(1_500);
    return (reconciles > before && (await daemon.status()).counts.reconciles === reconciles) || undefined;
  });
}
