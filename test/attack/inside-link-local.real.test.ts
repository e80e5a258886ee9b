import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { freshSport } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { holdWith } from '../packets/backends.ts';
import { forgedUdp, gatewayOf, linkLocal, type Seat, seatOf, sendForgeries } from '../packets/forging.ts';
import { applyPolicy } from '../packets/support.ts';
import { attackWaysOfBoth } from './ways.ts';

/**
 * Link-local addresses are one per bridge, and conntrack knows no bridge: what two containers say to each other on one bridge in
 * the names of two on another one would make what those send a reply.
 */
const policy = `version: 1
projects:
  app: { allow: none }
`;

describe.each(attackWaysOfBoth)('one link-local address on two bridges, engine $name', { timeout: 120_000 }, (way) => {
  let site: Site;
  let held: Seat;
  let victims: Readonly<Record<string, string>>;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine: way.engine }), way.backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    await site.host.docker('network', 'create', 'others');
    for (const name of ['one', 'two'])
      await site.host.docker('run', '-d', '--name', name, '--network', 'others', 'lab/app');
    held = await seatOf(site, 'app/app');
    victims = {
      'the host': (await gatewayOf(site, 'app_default')).mac,
      'a neighbour': (await seatOf(site, 'app/elasticsearch')).mac,
    };
  });
  afterAll(() => site?.stop());

  /** Whom the held container reaches, after the two have spoken in their names, or have not. */
  async function reached(speak: boolean): Promise<readonly string[]> {
    const [asked, answered] = [freshSport(), 9_999];
    const [one, two] = [await seatOf(site, 'one'), await seatOf(site, 'two')];
    const lies = Object.entries(victims).map(([name, mac]) =>
      forgedUdp(name, {
        from: one.mac,
        to: two.mac,
        src: linkLocal(mac),
        dst: linkLocal(held.mac),
        sport: answered,
        dport: asked,
      }),
    );
    if (speak) await sendForgeries(site, 'one', lies);
    return sendForgeries(
      site,
      'app/app',
      Object.entries(victims).map(([name, mac]) =>
        forgedUdp(name, {
          from: held.mac,
          to: mac,
          src: linkLocal(held.mac),
          dst: linkLocal(mac),
          sport: asked,
          dport: answered,
        }),
      ),
    );
  }

  test('without Sluice both are reached', async () => {
    expect(await reached(true)).toEqual(Object.keys(victims));
  });

  test('with it nobody is, whatever others say on another bridge', async () => {
    await applyPolicy(site, policy);
    expect(await reached(false)).toEqual([]);
    expect(await reached(true)).toEqual([]);
  });
});
