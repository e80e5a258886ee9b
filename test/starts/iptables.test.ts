/** The daemon with iptables: containers whose first instruction sends, and rules that somebody else changes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import type { Daemon } from '../../lab/daemon.ts';
import { until } from '../../lab/exec.ts';
import { firstImage } from '../../lab/first.ts';
import { openSite, type Site } from '../../lab/site.ts';
import {
  create,
  finished,
  makeNetwork,
  outcome,
  remove,
  type Start,
  start,
  starters,
  startersPolicy,
} from '../../lab/starters.ts';
import { full, randomFor, record } from '../campaign/campaign.ts';

const many = full ? 100 : 5;
const ways = full
  ? ([
      ['20.10', 'iptables-legacy'],
      ['26.1', 'iptables-nft'],
      ['28.5', 'iptables-nft'],
      ['28.5', 'iptables-legacy'],
    ] as const)
  : ([['28.5', randomFor('the variant of iptables').next() < 0.5 ? 'iptables-nft' : 'iptables-legacy']] as const);
/** Denied packets a second: how finely a gap is measured. */
const rate = 1000;

const steady = `version: '3'
services: { one: { image: lab/app } }
`;

describe.each(ways)('on engine %s by %s', { timeout: 600_000 }, (engine, backend) => {
  let site: Site;
  let daemon: Daemon;

  beforeAll(async () => {
    site = await openSite({ engine });
    await site.host.image(firstImage);
    await makeNetwork(site);
    site.host.write(
      '/etc/sluice/policy.yaml',
      `version: 1\ndefaults: { unknown-bridge: deny }\nprojects: { steady: { allow: none }, ${starters.project}: ${startersPolicy} }\n`,
    );
    daemon = await site.host.daemon({ args: ['--backend', backend] });
  });
  afterAll(() => site?.stop());

  test(`of ${many} that start one after the other nothing denied arrives`, async () => {
    onTestFailed(() => console.log(`the daemon's last words:\n${daemon.log.slice(-5_000)}`));
    expect(await daemon.status()).toMatchObject({ backend, troubles: [] });
    const starts: Start[] = [];
    for (let round = 0; round < many; round++) {
      const [one] = await create(site, 1);
      if (one === undefined) throw new Error('nothing was created');
      await start(site, one.id);
      await finished();
      starts.push(await outcome(site, one));
      await remove(site, [one.id]);
    }
    report('one after the other', starts);
    expect(deniedOf(starts)).toBe(0);
    // late is a lost first packet; in the end every one of them may send
    expect(starts.filter(({ first }) => first === null)).toEqual([]);
  });

  test(`of ${many} at once nothing denied arrives`, async () => {
    onTestFailed(() => console.log(`the daemon's last words:\n${daemon.log.slice(-5_000)}`));
    const long = full ? 1_500 : 500;
    const created = await create(site, many, long);
    await Promise.all(created.map(({ id }) => start(site, id)));
    await finished(long);
    const starts = await Promise.all(created.map((one) => outcome(site, one)));
    await remove(
      site,
      created.map(({ id }) => id),
    );
    report('at once', starts);
    expect(deniedOf(starts)).toBe(0);
    expect(starts.filter(({ first }) => first === null)).toEqual([]);
    await sleep(500);
    expect((await daemon.status()).troubles).toEqual([]);
  });

  test('what somebody else has emptied is found by looking, and stands again', async () => {
    onTestFailed(() => console.log(`the daemon's last words:\n${daemon.log.slice(-5_000)}`));
    await site.host.compose('steady', steady, 'up', '-d');
    const to = { proto: 'udp', to: site.private.v4, port: 4000, rate, outside: true } as const;
    const probe = () => site.host.probe('steady/one', { ...to, timeout: 300 });
    await until('the container held', async () => ((await probe()).arrived ? undefined : true));
    // whichever generation of it stands by now
    const emptied = 'for set in $(ipset list -n | grep "^sluice-bridges4[.]"); do ipset flush "$set"; done';
    const tables = ['raw', 'mangle', 'security'].map((table) => [backend, '-t', table, '-F']);
    for (const [what, ...commands] of [
      ['its tables', ...tables],
      ['the set of held bridges', ['sh', '-c', emptied]],
    ] as const) {
      const before = (await daemon.status()).repairs[0]?.at;
      const stream = await site.host.stream('steady/one', to);
      await sleep(200);
      for (const command of commands) await site.host.must(command);
      const repair = await until(`the repair of ${what}`, async () => {
        const latest = (await daemon.status()).repairs[0];
        return latest?.at === before ? undefined : latest;
      });
      await sleep(1_000);
      await stream.stop();
      const seen = await site.private.observer.seen(stream.token);
      const gap = seen.length === 0 ? 0 : ((seen.at(-1)?.t ?? 0) - (seen[0]?.t ?? 0)) / 1000;
      const { drift } = await daemon.status();
      if (drift.kind !== 'looked-for') throw new Error('the daemon does not look');
      record({
        chapter: 'drift',
        engine,
        what: `${what} emptied, by ${backend}`,
        numbers: {
          'gap, ms': gap.toFixed(0),
          'put back within, ms': repair.took,
          'looked for every, ms': drift.every,
          'one look, ms': drift.took ?? 'none',
        },
      });
      // it did open something, or this test proves nothing; and it was over soon after a look
      expect(gap).toBeGreaterThan(0);
      expect((await probe()).arrived).toBe(false);
    }
    expect((await daemon.status()).troubles).toEqual([]);
  });

  function report(how: string, starts: readonly Start[]): void {
    const numbers = {
      'allowed at first try': `${starts.filter(({ first }) => first === 0).length} of ${starts.length}`,
      'the latest first packet': Math.max(...starts.map(({ first }) => first ?? Number.NaN)),
      'denied arrived': deniedOf(starts),
    };
    record({ chapter: 'starts', engine, what: `${how}, by ${backend}`, numbers });
  }
});

const deniedOf = (starts: readonly Start[]): number => starts.reduce((sum, { denied }) => sum + denied.length, 0);
