import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type FirewallBackend, Firewalls } from '../../lab/firewalls.ts';
import type { Observer } from '../../lab/observer.ts';
import { engines } from '../../lab/roots.ts';
import { full, randomFor, record } from '../campaign/campaign.ts';
import { Ground } from './ground.ts';

/** One thing that is done on the host while streams run. */
interface Step {
  readonly name: string;
  readonly act: () => Promise<unknown>;
  /** Whether what policy allows may stop for good here, and by whose rules; null: it may not. */
  readonly theirs: string | null;
}

type Case =
  | { readonly kind: 'host'; readonly name: string; readonly steps: (ground: Ground) => readonly Step[] }
  /** By another firewall, which really runs. */
  | { readonly kind: 'firewall'; readonly name: string; readonly steps: (firewalls: Firewalls) => readonly Step[] };

const firewalld = (backend: FirewallBackend): Case => ({
  kind: 'firewall',
  name: `firewalld by ${backend}`,
  steps: (firewalls) => {
    // by iptables it empties all tables of iptables when it starts, the engine's among them
    const theirs = backend === 'iptables' ? 'firewalld has emptied the tables of the engine' : null;
    return [
      { name: 'start', act: () => firewalls.startFirewalld(), theirs },
      { name: 'reload', act: () => firewalls.must(['firewall-cmd', '--reload']), theirs },
      { name: 'complete reload', act: () => firewalls.must(['firewall-cmd', '--complete-reload']), theirs },
      { name: 'stop', act: () => firewalls.stopFirewalld(), theirs },
    ];
  },
});

const cases: readonly Case[] = [
  firewalld('nftables'),
  firewalld('iptables'),
  {
    kind: 'firewall',
    name: 'ufw',
    steps: (firewalls) => [
      { name: 'enable', act: () => firewalls.must(['ufw', '--force', 'enable']), theirs: null },
      { name: 'reload', act: () => firewalls.must(['ufw', 'reload']), theirs: null },
      { name: 'disable', act: () => firewalls.must(['ufw', 'disable']), theirs: null },
    ],
  },
  {
    kind: 'host',
    name: 'nftables.service',
    steps: ({ site }) => [
      {
        name: 'restart (nft -f /etc/nftables.conf)',
        act: () => site.host.must(['nft', '-f', '/etc/nftables.conf']),
        theirs: "the engine's own rules are flushed",
      },
      {
        name: 'nft flush ruleset',
        act: () => site.host.must(['nft', 'flush', 'ruleset']),
        theirs: 'they are still gone',
      },
    ],
  },
  {
    kind: 'host',
    name: 'the engine',
    steps: ({ site }) => [{ name: 'restart', act: () => site.host.restartEngine(), theirs: null }],
  },
];

const random = randomFor('tampering');
/** A sample does without the other firewalls: their root alone takes minutes to make where nothing is cached. */
const simple = cases.filter(({ kind }) => kind === 'host');
const chosen = full ? cases : simple.slice(0, 1);
const chosenEngines = full ? engines : [random.pick(engines)];
/** Denied packets a second: how finely a gap is measured. */
const rate = 2000;

describe.each(chosenEngines)('others change the rules of the host of engine %s', { timeout: 900_000 }, (engine) => {
  test('and what is denied stays denied meanwhile', async () => {
    await using ground = await Ground.open({ engine, liveRestore: true }); // else the streams' network ends with the engine
    const { site } = ground;
    await using firewalls = full ? await Firewalls.open(site.host.cell) : null;
    const denied = { proto: 'udp', to: site.private.v4, port: 4000, rate, outside: true } as const;
    const allowed = { proto: 'udp', to: site.internet.v4, port: 4000, rate: 200, outside: true } as const;

    const control = await site.host.stream('steady/one', denied);
    await sleep(500);
    const { sent } = await control.stop();
    expect(await site.private.observer.count(control.token)).toBeGreaterThanOrEqual(0.99 * sent);
    // answers to a container whose source NAT was flushed would find another echo server, which answers them
    expect(await site.private.run(['ip', 'route', 'add', 'blackhole', '172.20.0.0/16'])).toMatchObject({ code: 0 });
    await ground.protect();
    const bridges = (await site.host.must(['ip', '-o', 'link', 'show', 'type', 'bridge'])).matchAll(/^\d+: ([^:@]+)/gm);
    const names = [...bridges].map(([, name]) => name as string);

    for (const one of chosen) {
      const { name } = one;
      if (name.startsWith('firewalld'))
        firewalls?.configureFirewalld(name.endsWith('iptables') ? 'iptables' : 'nftables', names);
      for (const step of stepsOf(one, ground, firewalls)) {
        const forbidden = await site.host.stream('steady/one', denied);
        const permitted = await site.host.stream('steady/one', allowed);
        await sleep(random.between(200, 500));
        const began = Date.now();
        await step.act();
        const took = Date.now() - began;
        await sleep(1_000);
        const before = await site.internet.observer.count(permitted.token);
        await sleep(500);
        const flows = (await site.internet.observer.count(permitted.token)) > before;
        await Promise.all([forbidden.stop(), permitted.stop()]);
        const gap = await gapOf(forbidden.token, site.private.observer);
        const what = `${name}, ${step.name}`;
        record({
          chapter: 'tampering',
          engine,
          what,
          numbers: {
            'denied that arrived': gap.arrived,
            'longest gap, ms': gap.ms.toFixed(1),
            'allowed flows on': flows ? 'yes' : `no: ${step.theirs}`,
            'took, ms': took,
          },
        });
        expect(gap.arrived, what).toBe(0);
        if (step.theirs === null) expect(flows, `${what}: allowed`).toBe(true);
      }
      // what they took away of the engine's own comes back with it
      if (name !== 'the engine' && name !== chosen.at(-1)?.name) await site.host.restartEngine();
    }

    // the same without the daemon: its last line is gone with it, and a flush opens what was denied until then
    await ground.daemon?.kill();
    const opened = await site.host.stream('steady/one', denied);
    await sleep(300);
    expect(await site.private.observer.count(opened.token), 'denied by the rules of a dead daemon').toBe(0);
    await site.host.must(['nft', 'flush', 'ruleset']);
    await sleep(500);
    await opened.stop();
    expect(await site.private.observer.count(opened.token), 'open without the last line').toBeGreaterThan(0);
  });
});

function stepsOf(one: Case, ground: Ground, firewalls: Firewalls | null): readonly Step[] {
  if (one.kind === 'host') return one.steps(ground);
  if (firewalls === null) throw new Error(`${one.name} needs the other firewalls`);
  return one.steps(firewalls);
}

/** From the first to the last packet of a denied stream that arrived. */
async function gapOf(token: string, at: Observer): Promise<{ readonly arrived: number; readonly ms: number }> {
  const arrived = await at.count(token);
  if (arrived === 0) return { arrived, ms: 0 };
  const seen = await at.seen(token);
  return { arrived, ms: ((seen.at(-1)?.t ?? 0) - (seen[0]?.t ?? 0)) / 1000 };
}
