import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import * as frames from '../../lab/frames.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { holdWith } from '../packets/backends.ts';
import { type Forgery, gatewayOf, seatOf, sendForgeries } from '../packets/forging.ts';
import { applyPolicy } from '../packets/support.ts';
import { icmpError } from './icmp-errors.ts';
import { attackWaysOfBoth } from './ways.ts';

/**
 * Conntrack takes an error for part of the conversation that it quotes when it goes to who is in that, whoever sends it: bytes of a
 * container that may reach nobody, to everybody whom anybody on the host talks with.
 */

const policy = `version: 1
projects:
  app: { allow: none, services: { mongo: { allow: [internet] } } }
`;
const attacker = 'app/elasticsearch';
const client = { v4: '192.168.0.20', v6: 'fd00:192:168::20' } as const;
const [udp, tcp] = [5_353, 43_210];
const text = ' '.repeat(40);

describe.each(attackWaysOfBoth)('errors about conversations, engine $name', { timeout: 120_000 }, (way) => {
  let site: Site;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine: way.engine, routed: true }), way.backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
  });
  afterAll(() => site?.stop());

  /** Has conversations of others, and of the published port, that can be quoted. */
  async function talk(): Promise<void> {
    const from = { proto: 'udp', sport: udp, port: 9_000 } as const;
    for (const to of [places.internet.v4, places.internet.v6]) await site.host.probe('app/mongo', { to, ...from });
    await site.host.probe('host', { to: places.internet.v4, ...from, port: 9_001 });
    const visit = await site.lanClient.probe({ to: site.host.v4, port: 3000, sport: tcp });
    expect(visit.outcome).toBe('answered');
  }

  /** Errors of the attacker's about conversations that others have. */
  async function aboutOthers(): Promise<readonly Forgery[]> {
    const [self, app, mongo, gw] = [
      await seatOf(site, attacker),
      await seatOf(site, 'app/app'),
      await seatOf(site, 'app/mongo'),
      await gatewayOf(site, 'app_default'),
    ];
    const up = { from: self.mac, to: gw.mac, src: self.v4 };
    const up6 = { ...up, src: self.v6 };
    const { v4, v6 } = places.internet;
    const told = { sport: 9_000, dport: udp };
    return [
      icmpError(
        'the client of a published port',
        { ...up, dst: client.v4 },
        frames.tcp({ src: client.v4, dst: app.v4, sport: tcp, dport: 3000, flags: 'A' }, text),
      ),
      icmpError("a neighbour's peer", { ...up, dst: v4 }, frames.udp({ src: v4, dst: mongo.v4, ...told }, text)),
      icmpError("a neighbour's peer, v6", { ...up6, dst: v6 }, frames.udp({ src: v6, dst: mongo.v6, ...told }, text)),
      icmpError(
        "the host's peer",
        { ...up, dst: v4 },
        frames.udp({ src: v4, dst: hostAddress.v4, ...told, sport: 9_001 }, text),
      ),
      icmpError(
        'the host',
        { ...up, dst: hostAddress.v4 },
        frames.udp({ src: hostAddress.v4, dst: v4, sport: udp, dport: 9_001 }, text),
      ),
    ];
  }

  /** Errors of one about what it was sent itself. */
  async function aboutOwn(): Promise<readonly Forgery[]> {
    const [mongo, gw] = [await seatOf(site, 'app/mongo'), await gatewayOf(site, 'app_default')];
    const { v4, v6 } = places.internet;
    const up = { from: mongo.mac, to: gw.mac };
    const told = { sport: 9_000, dport: udp };
    return [
      icmpError('its own', { ...up, src: mongo.v4, dst: v4 }, frames.udp({ src: v4, dst: mongo.v4, ...told }, text)),
      icmpError(
        'its own, v6',
        { ...up, src: mongo.v6, dst: v6 },
        frames.udp({ src: v6, dst: mongo.v6, ...told }, text),
      ),
    ];
  }

  const all = async () => (await aboutOthers()).map(({ name }) => name);

  test('without Sluice they arrive', async () => {
    await talk();
    expect(await sendForgeries(site, attacker, await aboutOthers())).toEqual(await all());
  });

  test('none goes out about what others talk', async () => {
    await applyPolicy(site, policy);
    await talk();
    expect(await sendForgeries(site, attacker, await aboutOthers())).toEqual([]);
  });

  test.each(['host', '"host/icmp"'])(
    'nor where the sender may reach %s, by whose port somebody came',
    async (place) => {
      await applyPolicy(site, policy.replace('mongo:', `elasticsearch: { allow: [${place}] }, mongo:`));
      await talk();
      expect(await sendForgeries(site, attacker, await aboutOthers())).toEqual(['the host']);
    },
  );

  test('none about what one has talked itself and may no more, until one may again', async () => {
    const all = policy.replace('[internet]', '[internet, host]');
    await applyPolicy(site, all);
    const [mongo, gw] = [await seatOf(site, 'app/mongo'), await gatewayOf(site, 'app_default')];
    const port = 43_211;
    // TCP to anybody, and what the host might begin anew, keep their entries
    const talks = [
      { to: places.internet.v4, port: 443, sport: port },
      { to: places.internet.v6, port: 443, sport: port },
      { to: gw.v4, port: 9_002, sport: port, proto: 'udp' as const },
    ];
    for (const talk of talks) expect((await site.host.probe('app/mongo', talk)).arrived).toBe(true);
    const about = () =>
      talks.map(({ to, port: sport, proto }) => {
        const own = to.includes(':') ? mongo.v6 : mongo.v4;
        const at = { src: to, dst: own, sport, dport: port };
        return icmpError(
          `${proto ?? 'tcp'} ${to}`,
          { from: mongo.mac, to: gw.mac, src: own, dst: to },
          proto === 'udp' ? frames.udp(at, text) : frames.tcp({ ...at, flags: 'A' }, text),
        );
      });
    const names = about().map(({ name }) => name);
    expect(await sendForgeries(site, 'app/mongo', about())).toEqual(names);
    await applyPolicy(site, policy.replace('[internet]', 'none'));
    expect(await sendForgeries(site, 'app/mongo', about())).toEqual([]);
    await applyPolicy(site, all);
    expect(await sendForgeries(site, 'app/mongo', about())).toEqual(names);
  });

  test('who was sent something may say what became of it, to whom it may talk with and to who came by a published port', async () => {
    await applyPolicy(site, policy.replace('[internet]', '["internet:9000/udp"]'));
    await talk();
    expect((await sendForgeries(site, 'app/mongo', await aboutOwn())).toSorted()).toEqual(['its own', 'its own, v6']);
    const [app, gw] = [await seatOf(site, 'app/app'), await gatewayOf(site, 'app_default')];
    const answer = icmpError(
      'to who came',
      { from: app.mac, to: gw.mac, src: app.v4, dst: client.v4 },
      frames.tcp({ src: client.v4, dst: app.v4, sport: tcp, dport: 3000, flags: 'A' }, text),
    );
    expect(await sendForgeries(site, 'app/app', [answer])).toEqual(['to who came']);
  });
});
