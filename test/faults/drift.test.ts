import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { until } from '../../lab/exec.ts';
import { KernelEvents } from '../../lab/kernel-events.ts';
import { engines } from '../../lab/roots.ts';
import { full, randomFor, record } from '../campaign/campaign.ts';
import { gapOf } from './gap.ts';
import { Ground } from './ground.ts';
import { lost, type Outcome, rate as streamRate } from './senders.ts';

interface Edit {
  readonly name: string;
  readonly command: readonly string[];
  /** Whether the last line leaves no gap: then one packet may arrive, and no second. */
  readonly closed: boolean;
  /** The engine's own rules go with it, and are to be put back. */
  readonly others?: boolean;
}

/** What another process does to our tables; without the last line each opens something. */
const edits: readonly Edit[] = [
  { name: 'flush of the inet table', command: ['nft', 'flush', 'table', 'inet', 'sluice'], closed: true },
  { name: 'removal of the inet table', command: ['nft', 'delete', 'table', 'inet', 'sluice'], closed: true },
  {
    name: 'removal of both tables',
    command: ['nft', 'delete table inet sluice; delete table bridge sluice'],
    closed: true,
  },
  { name: 'flush of all rules', command: ['nft', 'flush', 'ruleset'], closed: true, others: true },
  {
    name: 'a rule put in that accepts',
    command: ['nft', 'insert', 'rule', 'inet', 'sluice', 'forward', 'accept'],
    closed: false,
  },
];

/** How often each is done while streams run, and for how many seconds those run. */
const [rounds, seconds] = full ? [20, 20] : [2, 3];
/** Denied packets a second: how finely a gap is measured. */
const rate = 2000;

const chosen = full ? engines : [randomFor('drift').pick(engines)];

describe.each(chosen)('our tables edited by another process on engine %s', { timeout: 600_000 }, (engine) => {
  test('stand again at once, and it is told who did it', async () => {
    await using ground = await Ground.open({ engine });
    const { site } = ground;
    const to = { proto: 'udp', to: site.private.v4, port: 4000, rate, outside: true } as const;
    const without = await ground.during(seconds, async () => {
      const control = await site.host.stream('steady/one', to);
      await sleep(500);
      const { sent } = await control.stop();
      expect(await site.private.observer.count(control.token)).toBeGreaterThanOrEqual(0.99 * sent);
    });
    expect(without.filter((one) => lost(one) > 0.01)).toEqual([]);

    // answers to a container whose source NAT was flushed with everything else would find another echo server, which
    // answers them: seconds of packets that no container sent
    for (const place of ['internet', 'private', 'ten'] as const)
      for (const own of ['172.20.0.0/14', 'fd00:172::/33']) {
        const added = await site.far(place).run(['ip', 'route', 'add', 'blackhole', own]);
        expect(added, place).toMatchObject({ code: 0 });
      }

    await ground.protect();
    const random = randomFor(`drift ${engine}`);
    const commits = await KernelEvents.follow(site.host.cell);
    let longest = 0;
    for (const { closed, command, name, others } of edits) {
      const gaps: number[] = [];
      let arrived = 0;
      const took: number[] = [];
      const edit = async () => {
        const stream = await site.host.stream('steady/one', to);
        await sleep(random.between(100, 300));
        const before = await latestRepair(ground);
        commits.clear();
        await site.host.must(command);
        const repair = await until(`the repair after ${name}`, async () => {
          const latest = await latestRepair(ground);
          return latest?.at === before?.at ? undefined : latest;
        });
        // as another one heard it: the number is that of the first PID namespace (net/netfilter/nf_tables_api.c, task_pid_nr)
        const done = commits.events.find((event) => event.what === 'commit' && event.name === 'nft');
        expect(repair.by, name).toMatchObject(done?.what === 'commit' ? { name: 'nft', process: done.process } : {});
        expect(done, name).toBeDefined();
        const gap = await gapOf(stream, site.private.observer);
        if (closed) expect(gap.arrived, name).toBeLessThanOrEqual(1); // on its way between two hooks, see decision 0013
        arrived += gap.arrived;
        gaps.push(gap.ms);
        took.push(repair.took ?? Number.NaN);
      };
      const streams = await ground.during(seconds, async () => {
        for (let round = 0; round < rounds; round++) await edit();
      });
      const came = streams.filter(({ arrived, permitted }) => !permitted && arrived > 1);
      if (closed) expect(came, name).toEqual([]);
      const denied = streams.filter(({ permitted }) => !permitted);
      // what is allowed waits for the repair: nothing passes meanwhile
      const silent = streams.flatMap(({ arrived, permitted, sent }) => (permitted ? [sent - arrived] : []));
      longest = Math.max(longest, ...gaps, (1000 * Math.max(...silent)) / streamRate / rounds);
      if (others) await site.host.restartEngine();
      record({
        chapter: 'drift',
        engine,
        what: name,
        numbers: {
          'longest gap, ms': Math.max(...gaps).toFixed(1),
          'put back within, ms': Math.max(...took),
          'denied sent beside that': sumOf(denied, ({ sent }) => sent),
          'arrived of all denied': arrived + sumOf(denied, (one) => one.arrived),
          'allowed silent each time, ms': ((1000 * Math.max(...silent)) / streamRate / rounds).toFixed(1),
        },
      });
    }
    // 50 ms are to be reached on a machine of its own; this one is shared.
    expect(longest).toBeLessThan(2_000);
  });
});

const sumOf = (outcomes: readonly Outcome[], value: (one: Outcome) => number): number =>
  outcomes.reduce((sum, one) => sum + value(one), 0);

/** The status tells the latest first, and the last fifty. */
async function latestRepair(ground: Ground) {
  return (await ground.daemon?.status())?.repairs[0];
}
