import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { holdWith } from '../packets/backends.ts';
import { gatewayOf, seatOf, sendForgeries } from '../packets/forging.ts';
import { applyPolicy } from '../packets/support.ts';
import { type Half, halvesAs } from './beside-the-bridge.ts';
import { attackWaysOfBoth } from './ways.ts';

/**
 * Datagrams in two fragments from two bridges, or from two containers on one, in the name of one of them. Conntrack puts them
 * together before rules are asked, and the whole is then the one's who is proven, or comes from where everything passes.
 */

const policy = `version: 1
defaults: { unknown-bridge: allow }
projects:
  app: { allow: none, services: { mongo: { allow: any } } }
containers:
  lone: { allow: none }
`;
const aims = { 'a private host': places.private, 'the internet': places.internet, 'the host': hostAddress };

describe.each(attackWaysOfBoth)('rests by somebody else, engine $name', { timeout: 120_000 }, ({ engine, backend }) => {
  let site: Site;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine, routed: true }), backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    for (const [net, name] of [
      [27, 'lonely'],
      [29, 'others'],
    ] as const) {
      const subnets = ['--subnet', `172.${net}.0.0/16`, '--ipv6', '--subnet', `fd00:172:${net}::/64`];
      await site.host.docker('network', 'create', ...subnets, name);
    }
    await comes('lone', 'lonely');
    expect(await arrive()).toEqual({ stranger: names, builder: fromBuilders, partner: names });
    await applyPolicy(site, policy);
  });
  afterAll(() => site?.stop());

  const comes = (name: string, network: string) =>
    site.host.docker('run', '-d', '--name', name, '--network', network, 'lab/app');

  const names = Object.keys(aims)
    .flatMap((aim) => [`${aim}, v4`, `${aim}, v6`])
    .toSorted();
  // older engines give docker0 no IPv6, and their own rules keep it from leaving by it
  const fromBuilders = names.filter((name) => engine === '28.5' || !/^(a private host|the internet), v6$/.test(name));

  /** To whom whole datagrams come of which each had sent a part. */
  async function arrive(): Promise<Record<'stranger' | 'builder' | 'partner', readonly string[]>> {
    await comes('stranger', 'app_default');
    await comes('builder', 'bridge');
    await comes('partner', 'others');
    const of = async (who: string, network: string): Promise<Half> => ({
      who,
      mac: (await seatOf(site, who)).mac,
      gateway: (await gatewayOf(site, network)).mac,
    });
    const [stranger, builder, partner] = [
      await of('stranger', 'app_default'),
      await of('builder', 'bridge'),
      await of('partner', 'others'),
    ];
    const [mongo, elastic, lone] = [
      await of('app/mongo', 'app_default'),
      await of('app/elasticsearch', 'app_default'),
      await of('lone', 'lonely'),
    ];
    const sent = async (name: string, early: Half, late: Half, isRestEarly: boolean) => {
      const pairs = halvesAs(await seatOf(site, name), isRestEarly ? [late, early] : [early, late], aims);
      const [before, after] = isRestEarly ? (['rest', 'first'] as const) : (['first', 'rest'] as const);
      await site.host.sendFrames(
        early.who,
        pairs.map((pair) => pair[before]),
      );
      const forgeries = pairs.map((pair) => ({ name: pair.name, token: pair.token, frame: pair[after] }));
      return [...new Set(await sendForgeries(site, late.who, forgeries))].toSorted();
    };
    try {
      return {
        stranger: await sent('app/mongo', mongo, stranger, false),
        builder: await sent('app/elasticsearch', elastic, builder, true),
        partner: await sent('lone', lone, partner, true),
      };
    } finally {
      await site.host.docker('rm', '-f', 'stranger', 'builder', 'partner');
    }
  }

  test('nothing arrives of which a part is from who is not its sender', async () => {
    expect(await arrive()).toEqual({ stranger: [], builder: [], partner: [] });
  });

  test('what somebody sends in fragments that are all their own arrives', async () => {
    const self = { who: 'app/mongo', mac: (await seatOf(site, 'app/mongo')).mac };
    const half = { ...self, gateway: (await gatewayOf(site, 'app_default')).mac };
    const pairs = halvesAs(await seatOf(site, 'app/mongo'), [half, half], aims);
    const own = pairs.flatMap(({ name, token, first, rest }) => [first, rest].map((frame) => ({ name, token, frame })));
    expect([...new Set(await sendForgeries(site, 'app/mongo', own))].toSorted()).toEqual(names);
  });
});
