import { expect, test } from 'vitest';
import { until } from '../../lab/exec.ts';
import type { Daemon } from '../../src/daemon/daemon.ts';
import { heldInIptables } from '../../src/daemon/held-in-iptables.ts';
import { seeStanding } from '../../src/daemon/seen.ts';
import { isStanding } from '../../src/iptables/standing.ts';
import { facts } from '../iptables/facts.ts';
import { FakeXtables, fakeTools } from './fake-xtables.ts';
import { DaemonHost, filesOf, wait } from './host.ts';

/** A daemon that holds its rules in iptables in memory. */
function onIptables(tools = fakeTools): { readonly host: DaemonHost; readonly xtables: FakeXtables } {
  const host = new DaemonHost();
  const xtables = new FakeXtables();
  const heldIn = heldInIptables({
    xtables: { run: xtables.run, tools },
    looking: xtables.run,
    lookApart: (tools) => seeStanding({ run: xtables.run, tools }),
    facts: () => facts,
    bridges: { load: async () => {}, read: () => ({ ip: true, ip6: true }), set() {} },
    conntrack: { dumpFlows: () => [], deleteFlows: () => ({ deleted: 0, gone: 0 }), markFlows: () => {} },
  });
  host.kernel = { ...heldIn, isOwn: (portId) => portId === 1 };
  return { host, xtables };
}

async function settled(host: DaemonHost): Promise<Daemon> {
  const daemon = await host.start();
  await until('the policy in force', async () => ((await daemon.status()).policy === null ? undefined : true));
  return daemon;
}

const repairs = (daemon: Daemon, many: number) =>
  until(`${many} repairs`, async () => {
    const { repairs: list } = await daemon.status();
    return list.length >= many ? list : undefined;
  });

test('the daemon holds a policy with iptables, and a new one says only what differs', async () => {
  const { host, xtables } = onIptables();
  const daemon = await settled(host);
  expect(await daemon.status()).toMatchObject({
    backend: 'iptables-nft',
    state: 'enforcing',
    drift: { kind: 'looked-for', every: 2_000 },
    narrower: [],
  });
  expect(await isStanding({ run: xtables.run, tools: fakeTools })).toBe(true);
  xtables.said.length = 0;
  host.files = filesOf('["internet:443"]');
  await daemon.reload();
  expect(xtables.said.some(({ program }) => program === 'iptables-nft-restore')).toBe(true);
  expect(xtables.said.filter(({ program }) => program.startsWith('ebtables'))).toEqual([]);
  await daemon.stop();
});

test('what iptables holds more narrowly than the policy says is told, on a host like that', async () => {
  const { host } = onIptables({ ...fakeTools, security: false });
  const daemon = await settled(host);
  const { narrower, state } = await daemon.status();
  expect(narrower.map(({ code }) => code)).toEqual(['no-reject']);
  expect(state).toBe('enforcing');
  await daemon.stop();
});

test('what somebody changes is put back: at once where the kernel tells, else with the next look', async () => {
  const { host, xtables } = onIptables();
  const daemon = await settled(host);
  xtables.flush(4, 'mangle', 'DOCKER-OUTBOUND-FILTER');
  host.guard.say({ kind: 'rules', tables: ['inet'], by: { portId: 7, process: 7, name: 'iptables' }, at: 0 });
  const [told] = await repairs(daemon, 1);
  expect(told).toMatchObject({ by: { process: 7, name: 'iptables' }, tables: ['iptables mangle'] });
  for (const [name, { elements }] of xtables.sets) if (name.startsWith('sluice-bridges4')) elements.clear();
  const [found] = await repairs(daemon, 2);
  expect(found).toMatchObject({ by: { process: 0 }, tables: [expect.stringMatching(/^ipset sluice-bridges4/)] });
  expect(xtables.elements('sluice-bridges4').length).toBeGreaterThan(0);
  expect((await daemon.status()).troubles).toEqual([]);
  await daemon.stop();
});

test('our own changes and other people’s rules are no reason to repair anything', async () => {
  const { host, xtables } = onIptables();
  const daemon = await settled(host);
  xtables.said.length = 0;
  xtables.inet[4].get('filter')?.get('FORWARD')?.push('-j DOCKER-USER');
  host.guard.say({ kind: 'rules', tables: ['inet'], by: { portId: 1, process: 1, name: 'iptables-nft-re' }, at: 0 });
  host.guard.say({ kind: 'rules', tables: ['inet'], by: { portId: 9, process: 9, name: 'dockerd' }, at: 0 });
  await wait(1_000);
  expect((await daemon.status()).repairs).toEqual([]);
  expect(xtables.said).toEqual([]);
  await daemon.stop();
});

test('what is remembered loads before anything is known, and is not taken for another backend’s', async () => {
  const { host, xtables } = onIptables();
  const first = await settled(host);
  await first.stop();
  const text = host.rules;
  expect(text).toMatch(/^# sluice iptables-nft\n/);

  const again = onIptables();
  again.host.engineAway = true;
  const daemon = await again.host.start({ rules: { boot: 'another', text } });
  expect(await isStanding({ run: again.xtables.run, tools: fakeTools })).toBe(true);
  expect(again.xtables.elements('sluice-forward4')).toEqual([]);
  expect(xtables.elements('sluice-forward4').length).toBeGreaterThan(0);
  await daemon.stop();

  const other = onIptables();
  other.host.engineAway = true;
  const third = await other.host.start({ rules: { boot: 'another', text: 'table inet sluice { }' } });
  expect(other.xtables.said).toEqual([]);
  expect(other.host.log.join()).toContain('for another backend');
  await third.stop();
});
