import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { holdWith } from '../packets/backends.ts';
import { type Forgery, gatewayOf, seatOf, sendForgeries } from '../packets/forging.ts';
import { applyPolicy, expectAllowed } from '../packets/support.ts';
import { type Aims, strangePackets } from './strange-packets.ts';
import { attackWays } from './ways.ts';

/** One address and port are allowed; packets of every odd shape go to everybody else. */

const attacker = 'app/elasticsearch';
const policy = `version: 1
projects:
  app: { allow: ["10.9.9.9:53/udp", "[fd00:10:9:9::9]:53/udp"] }
`;

describe.each(attackWays)('odd packets from inside, engine $name', { timeout: 120_000 }, ({ engine, backend }) => {
  let site: Site;
  let aims: Aims;
  let arriving: ReadonlySet<string>;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine, routed: true }), backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    const [self, peer] = [await seatOf(site, attacker), await seatOf(site, 'app/mongo')];
    aims = { self, peer, gateway: await gatewayOf(site, 'app_default') };
    await speak();
    arriving = new Set(await arrived(strangePackets(aims)));
    await applyPolicy(site, policy);
  });
  afterAll(() => site?.stop());

  /** Which arrive at anybody, by name; a handful at a time, as many as one call of the sender takes. */
  async function arrived(packets: readonly Forgery[]): Promise<readonly string[]> {
    const names: string[] = [];
    for (let index = 0; index < packets.length; index += 200)
      names.push(...(await sendForgeries(site, attacker, packets.slice(index, index + 200))));
    return [...new Set(names)];
  }

  /** The allowed conversation that some of them lean on. */
  const speak = () =>
    expectAllowed(
      site,
      [aims.self.v4, aims.self.v6].map((source) => ({
        from: attacker,
        to: source.includes(':') ? 'fd00:10:9:9::9' : '10.9.9.9',
        port: 53,
        sport: 4_321,
        proto: 'udp' as const,
        source,
      })),
    );

  test('what the kernel itself lets pass is nearly all of them: the control', () => {
    const missing = strangePackets(aims).flatMap(({ name, control }) => (control && !arriving.has(name) ? [name] : []));
    expect(missing).toEqual([]);
  });

  test('none arrives, in any order', async () => {
    await speak();
    const packets = strangePackets(aims);
    expect(await arrived(packets)).toEqual([]);
    expect(await arrived(strangePackets(aims).toReversed())).toEqual([]);
    await speak();
  });
});
