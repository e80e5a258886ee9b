import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { until } from '../../lab/exec.ts';
import * as frames from '../../lab/frames.ts';
import { freshToken } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { holdWith } from '../packets/backends.ts';
import { gatewayOf, type Seat, seatOf, watchAll } from '../packets/forging.ts';
import { applyPolicy, expectAllowed } from '../packets/support.ts';
import { bytes } from './fragments.ts';
import { attackWaysOfBoth } from './ways.ts';

/**
 * A container says by neighbour discovery, in its own name and of its own address, that it is at a neighbour's MAC: the host then
 * sends to that neighbour what is for the container, such as errors that quote what it sent, and answers from the internet.
 */
const liar = 'app/app';
const listeners = ['app/mongo', 'app/elasticsearch'];
const everybody = 'ff:ff:ff:ff:ff:ff';
const policy = (denied: string, allow: string) => `version: 1
defaults: { denied: ${denied} }
projects:
  app: { allow: none, services: { app: { allow: ${allow} } } }
`;

describe.each(attackWaysOfBoth)('who lies about its MAC, engine $name', { timeout: 240_000 }, (way) => {
  let site: Site;
  let self: Seat;
  let other: Seat;
  let gateway: Seat;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine: way.engine, routed: true }), way.backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    [self, other] = [await seatOf(site, liar), await seatOf(site, 'app/mongo')];
    gateway = await gatewayOf(site, 'app_default');
    await watchAll(site);
    for (const who of listeners) await site.host.observer(who); // from now on
    for (const { what, frame, hear } of told()) {
      // the gateway's address is its own once nobody has answered for it
      const found = await until(what, async () => ((await heard(frame, 1)).length === hear ? hear : undefined));
      expect(found, what).toBe(hear);
    }
  });
  afterAll(() => site?.stop());

  const toGateway = (packet: Uint8Array) => frames.ethernet({ from: self.mac, to: gateway.mac, type: 0x86dd }, packet);

  /** Messages that tell the host where the liar is. */
  function lies(): Record<string, (mac: string) => Uint8Array> {
    const ends = { src: self.v6, dst: gateway.v6 };
    const link = (type: number, mac: string) => [type, 1, ...frames.mac(mac)];
    const nonce = [14, 1, 1, 2, 3, 4, 5, 6];
    const said = (type: number, flags: number, target: string | null, options: readonly number[]) =>
      toGateway(
        frames.icmp(
          { ...ends, type, ttl: 255 },
          bytes([flags, 0, 0, 0], target === null ? new Uint8Array() : frames.ip(target), options),
        ),
      );
    return {
      'a solicitation': (mac) => said(135, 0, gateway.v6, link(1, mac)),
      'a router solicitation': (mac) => said(133, 0, null, link(1, mac)),
      'a solicitation with a nonce': (mac) => said(135, 0, gateway.v6, [...nonce, ...link(1, mac)]),
      'a solicitation behind options': (mac) => {
        const whole = frames.neighborSolicit({ ...ends, target: gateway.v6, lladdr: mac });
        return toGateway(
          frames.packet({ ...ends, proto: 60, ttl: 255 }, bytes([58, 0, 1, 4, 0, 0, 0, 0], whole.slice(40))),
        );
      },
    };
  }

  /** Each lie about one neighbour, and one about all of them; and how many hear by it what the host sends to the liar. */
  function told(): readonly { readonly what: string; readonly frame: Uint8Array; readonly hear: number }[] {
    const all = Object.entries(lies());
    const ofOne = all.map(([what, lie]) => ({ what, frame: lie(other.mac), hear: 1 }));
    const [first] = all;
    return first === undefined
      ? ofOne
      : [...ofOne, { what: `${first[0]} for everybody`, frame: first[1](everybody), hear: listeners.length }];
  }

  /** Which neighbours take in something of what the liar then sends to the internet, be it in an error or an answer. */
  async function heard(lie: Uint8Array | null, ttl: number): Promise<readonly string[]> {
    const token = freshToken();
    // by the truth the host forgets the lie before; one error a second is what it sends to each
    await site.host.sendFrames(liar, [lies()['a solicitation']?.(self.mac) ?? new Uint8Array()]);
    await sleep(1_100);
    if (lie !== null) await site.host.sendFrames(liar, [lie]);
    await sleep(50);
    const ends = { src: self.v6, dst: places.internet.v6, sport: 5_555, dport: 53 };
    await site.host.sendFrames(liar, [toGateway(frames.udp({ ...ends, ttl }, token))]);
    await sleep(300);
    const found: string[] = [];
    for (const who of listeners) {
      const observer = await site.host.observer(who);
      await observer.sync();
      if (observer.packets.some((packet) => packet.token === token && packet.to !== 'out')) found.push(who);
    }
    return found;
  }

  test.each([
    ['reject', 'none', 64],
    ['drop', 'none', 1],
    ['reject', '[internet]', 64],
  ])('gives no neighbour what is its own (denied: %s, allow: %s, hop limit %i)', async (denied, allow, ttl) => {
    await applyPolicy(site, policy(denied, allow));
    for (const { what, frame } of told()) expect(await heard(frame, ttl), what).toEqual([]);
  });

  test('and who tells the truth is found and answered', async () => {
    await applyPolicy(site, policy('reject', '[internet]'));
    await site.host.must(['ip', '-6', 'neigh', 'flush', 'all']);
    await expectAllowed(site, [
      { from: liar, to: places.internet.v6, port: 443 },
      { from: liar, to: places.internet.v4, port: 443 },
    ]);
  });
});
