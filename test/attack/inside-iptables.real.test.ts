import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { until } from '../../lab/exec.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { holdWith, waysByIptables } from '../packets/backends.ts';
import { gatewayOf, type Seat, seatOf, sendForgeries } from '../packets/forging.ts';
import { applyPolicy } from '../packets/support.ts';
import { halved } from './beside-the-bridge.ts';

/** Who has just come, where iptables holds: what a stranger sends, and who takes over an address while a policy is applied. */

const policy = `version: 1
projects:
  app: { allow: none, services: { mongo: { allow: any } } }
`;
const victim = 'app/mongo';
const left = { v4: '172.20.9.9', v6: 'fd00:172:20::9:9' } as const;

describe.each(waysByIptables())('newcomers that attack, engine $name', { timeout: 120_000 }, ({ engine, backend }) => {
  let site: Site;
  let gateway: Seat;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine, routed: true }), backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    gateway = await gatewayOf(site, 'app_default');
    await comes('stranger', 'elasticsearch');
    const names = new Set(halved(await seatOf(site, 'stranger'), gateway).map(({ name }) => name));
    // older engines' own rules keep IPv6 from leaving by a port
    const leaves = (name: string) => engine === '28.5' || !/(private host|internet), v6$/.test(name);
    expect(await halvesArrive()).toEqual([...names].filter(leaves));
    await site.host.docker('rm', '-f', 'stranger');
    await applyPolicy(site, policy);
  });
  afterAll(() => site?.stop());

  /** A container of the project's, which nobody has told Sluice of. */
  async function comes(name: string, service: string, at?: Pick<Seat, 'v4' | 'v6'>): Promise<void> {
    const labels = Object.entries({ project: 'app', service, 'container-number': '7', oneoff: 'False' });
    const named = labels.flatMap(([key, value]) => ['--label', `com.docker.compose.${key}=${value}`]);
    const where = at === undefined ? [] : ['--ip', at.v4, '--ip6', at.v6];
    await site.host.docker('run', '-d', '--name', name, '--network', 'app_default', ...where, ...named, 'lab/app');
  }

  /** To whom the stranger's halved datagrams come. */
  const halvesArrive = async () => [
    ...new Set(await sendForgeries(site, 'stranger', halved(await seatOf(site, 'stranger'), gateway))),
  ];

  test('a stranger gets nothing out half by the bridge and half past it', async () => {
    await comes('stranger', 'elasticsearch');
    expect(await halvesArrive()).toEqual([]);
    await site.host.docker('rm', '-f', 'stranger');
  });

  test('who has the address of somebody who is gone is never judged by what was theirs while a policy is applied', async () => {
    await comes('good', 'mongo', left);
    await applyPolicy(site, policy);
    const to = { proto: 'udp', port: 7_777, rate: 500 } as const;
    const streamsOf = (who: string) =>
      Promise.all([places.internet.v4, places.internet.v6].map((aim) => site.host.stream(who, { ...to, to: aim })));
    // the control: what was theirs lets this out
    for (const stream of await streamsOf('good')) {
      await until('it to arrive', async () => (await site.internet.observer.saw(stream.token)) || undefined);
      await stream.stop();
    }
    await site.host.docker('rm', '-f', 'good');
    await comes('heir', 'elasticsearch', left);
    const streams = await streamsOf('heir');
    const staying = await site.host.stream(victim, { proto: 'udp', to: places.internet.v4, port: 4_000, rate: 100 });
    await slowly(() => applyPolicy(site, policy));
    // who was there before loses nothing; the last answer may be on its way when the stream ends
    const { sent, answered } = await staying.stop();
    expect(sent).toBeGreaterThan(50);
    expect(answered).toBeGreaterThanOrEqual(0.98 * sent);
    for (const stream of streams) {
      // of those that are refused every second one cannot be sent: the refusal is told instead
      expect((await stream.stop()).sent).toBeGreaterThan(100);
      expect(await site.arrivedAnywhere(stream.token)).toBe(false);
    }
    await site.host.docker('rm', '-f', 'heir');
  });

  /** Does something while iptables-restore takes a second to begin, as it does with many rules on a busy machine. */
  async function slowly(work: () => Promise<unknown>): Promise<void> {
    const programs = ['iptables', 'ip6tables'].map(
      (program) => `${program}${backend.slice('iptables'.length)}-restore`,
    );
    const found = await Promise.all(
      programs.map(async (program) => [program, (await site.host.must(['which', program])).trim()]),
    );
    for (const [program, path] of found)
      site.host.write(`/usr/local/sbin/${program}`, `#!/bin/sh\nsleep 1\nexec ${path} "$@"\n`, 0o755);
    try {
      await work();
    } finally {
      for (const [program] of found) await site.host.must(['rm', `/usr/local/sbin/${program}`]);
    }
  }
});
