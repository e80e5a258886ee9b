import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSite, type Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { holdWith, waysOn } from './backends.ts';
import { gatewayOf, type Seat } from './forging.ts';
import {
  type Attempt,
  applyPolicy,
  expectAllowed,
  expectControl,
  expectDenied,
  expectOnly,
  withoutDockersRules,
} from './support.ts';

/**
 * Networks that Docker itself closes (`icc=false`, `internal`), two networks that two containers share, no network at all, and one
 * that is another service's. Of each pair one may begin and the other may not.
 */
const compose = `version: '3'
services:
  left: { image: lab/app, networks: [apart] }
  right: { image: lab/app, networks: [apart] }
  one: { image: lab/app, networks: [front, back] }
  two: { image: lab/app, networks: [front, back] }
  shut: { image: lab/app, networks: [inner] }
  vault: { image: lab/app, networks: [inner] }
  alone: { image: lab/app, network_mode: none }
  web: { image: lab/app, networks: [front] }
  beside: { image: lab/app, command: ["tcp", "9999"], network_mode: "service:web" }
networks:
  front:
    enable_ipv6: true
    ipam: { config: [{ subnet: 172.20.0.0/16 }, { subnet: "fd00:172:20::/64" }] }
  back:
    enable_ipv6: true
    ipam: { config: [{ subnet: 172.21.0.0/16 }, { subnet: "fd00:172:21::/64" }] }
  apart:
    enable_ipv6: true
    driver_opts: { com.docker.network.bridge.enable_icc: "false" }
    ipam: { config: [{ subnet: 172.22.0.0/16 }, { subnet: "fd00:172:22::/64" }] }
  inner:
    internal: true
    enable_ipv6: true
    ipam: { config: [{ subnet: 172.23.0.0/16 }, { subnet: "fd00:172:23::/64" }] }
`;

/** @param beside what the service may reach that shares the network of `web` */
const policyWith = (beside: string) => `version: 1
projects:
  app:
    allow: none
    services:
      left: { allow: [service/right, "internet:443"] }
      one: { allow: [service/two, service/beside] }
      shut: { allow: [service/vault, "internet:443"] }
      alone: { allow: ["internet:443"] }
      web: { allow: ["internet:443"] }
      beside: { allow: [${beside}] }
`;
const policy = policyWith('"internet:443"');

const families = ['v4', 'v6'] as const;
const allowedOutside = (from: string): readonly Attempt[] =>
  families.map((family) => ({ from, to: places.internet[family], port: 443 }));
const deniedOutside = (from: string): readonly Attempt[] =>
  families.flatMap((family): readonly Attempt[] => [
    { from, to: places.internet[family], port: 80 },
    { from, to: places.private[family], port: 514, proto: 'udp' },
    { from, to: hostAddress[family], port: 22 },
  ]);
const outside = (from: string) => [...allowedOutside(from), ...deniedOutside(from)];

const toEach = (from: string, ...seats: readonly Seat[]): readonly Attempt[] =>
  seats.flatMap((seat) =>
    families.flatMap((family): readonly Attempt[] => [
      { from, to: seat[family], port: 9200 },
      { from, to: seat[family], port: 9200, proto: 'udp' },
      { from, to: seat[family], proto: 'icmp' },
    ]),
  );

const networks = ['front', 'back', 'apart', 'inner'] as const;
type Network = (typeof networks)[number];

describe.each(waysOn('28.5', 'iptables-nft'))('attachments, engine $name', { timeout: 120_000 }, (way) => {
  let site: Site;
  let gateways: Readonly<Record<Network, Seat>>;
  let seats: Readonly<Record<'left' | 'right' | 'shut' | 'vault' | 'web', Seat>>;
  /** On `front` and on `back`. */
  let shared: Readonly<Record<'one' | 'two', readonly [Seat, Seat]>>;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine: way.engine, routed: true }), way.backend);
    await site.host.compose('app', compose, 'up', '-d');
    const seat = (who: string, network: Network) => seatOn(site, `app/${who}`, `app_${network}`);
    gateways = {
      front: await gatewayOf(site, 'app_front'),
      back: await gatewayOf(site, 'app_back'),
      apart: await gatewayOf(site, 'app_apart'),
      inner: await gatewayOf(site, 'app_inner'),
    };
    seats = {
      left: await seat('left', 'apart'),
      right: await seat('right', 'apart'),
      shut: await seat('shut', 'inner'),
      vault: await seat('vault', 'inner'),
      web: await seat('web', 'front'),
    };
    shared = {
      one: [await seat('one', 'front'), await seat('one', 'back')],
      two: [await seat('two', 'front'), await seat('two', 'back')],
    };
    for (const who of ['shut', 'vault'] as const)
      for (const family of families) await ip(who, 'route', 'replace', 'default', 'via', gateways.inner[family]);
    await controls();
    await applyPolicy(site, policy);
  });
  afterAll(() => site?.stop());

  const parted = () => [...toEach('app/left', seats.right), ...toEach('app/right', seats.left)];
  /** Neighbours on the internal network: engine 20.10 keeps their IPv6 from each other. */
  const within = () => [...toEach('app/shut', seats.vault), ...toEach('app/vault', seats.shut)];
  const closedIn = () => ['app/shut', 'app/vault'].flatMap(outsideOfInner);
  /** To the host an internal network is open. */
  const outsideOfInner = (from: string) => outside(from).filter(({ port }) => port !== 22);

  const toBeside = (from: string) => families.map((family): Attempt => ({ from, to: seats.web[family], port: 9999 }));

  /** Without Sluice everything arrives, but for what Docker keeps from it, and that arrives once Docker does not. */
  async function controls(): Promise<void> {
    await expectControl(site, [
      ...['app/left', 'app/right', 'app/one', 'app/two', 'app/web', 'app/beside'].flatMap(outside),
      ...toEach('app/one', ...shared.two),
      ...toEach('app/two', ...shared.one, seats.web),
      ...toBeside('app/two'),
      ...toEach('app/shut', gateways.inner),
      ...toEach('app/vault', gateways.inner),
    ]);
    await expectDenied(site, [...parted(), ...closedIn()]);
    await withoutDockersRules(site, () => expectControl(site, [...parted(), ...closedIn(), ...within()]));
    await site.host.setBrNetfilter(false);
    await expectControl(site, parted());
    await site.host.setBrNetfilter(true);
    await roundabout(() => expectControl(site, [...around('one'), ...around('two')]));
    await attach('alone');
    await expectControl(site, outside('app/alone'));
    await detach('alone');
  }

  async function ip(who: string, ...words: readonly string[]): Promise<void> {
    const done = await site.host.inNetworkOf(`app/${who}`, ['ip', ...words]);
    expect(done.stderr, words.join(' ')).toBe('');
  }

  /** To the other one's address on `back`, when the way there is the host's. */
  const around = (who: 'one' | 'two') =>
    toEach(`app/${who}`, shared[who === 'one' ? 'two' : 'one'][1]).filter(({ proto }) => proto === 'udp');

  /** While both find each other's address on `back` behind the gateway of `front`, which Docker's rules would not let through. */
  async function roundabout(work: () => Promise<void>): Promise<void> {
    const change = async (verb: 'add' | 'del') => {
      for (const [who, other] of [
        ['one', shared.two[1]],
        ['two', shared.one[1]],
      ] as const)
        for (const [family, bits] of [
          ['v4', 32],
          ['v6', 128],
        ] as const)
          await ip(who, 'route', verb, `${other[family]}/${bits}`, 'via', gateways.front[family]);
    };
    await change('add');
    await withoutDockersRules(site, work);
    await change('del');
  }

  const nameOf = async (who: string) => (await site.host.container(`app/${who}`)).name;
  async function attach(who: string): Promise<void> {
    const name = await nameOf(who);
    await site.host.docker('network', 'disconnect', 'none', name);
    await site.host.docker('network', 'connect', 'app_front', name);
  }
  async function detach(who: string): Promise<void> {
    const name = await nameOf(who);
    await site.host.docker('network', 'disconnect', 'app_front', name);
    await site.host.docker('network', 'connect', 'none', name);
  }

  test('with icc=false an allow opens nothing that Docker keeps closed, whatever the sysctls say', async () => {
    for (const on of [false, true]) {
      await site.host.setBrNetfilter(on);
      await expectDenied(site, parted());
    }
    await expectAllowed(site, allowedOutside('app/left'));
    await expectDenied(site, [...deniedOutside('app/left'), ...outside('app/right')]);
  });

  test('where Docker lets neighbours of icc=false through, whom policy allows is answered and the other is not heard', async () => {
    await withoutDockersRules(site, async () => {
      for (const on of [false, true]) {
        await site.host.setBrNetfilter(on);
        await expectAllowed(site, toEach('app/left', seats.right));
        await expectDenied(site, toEach('app/right', seats.left));
      }
    });
  });

  test('on two networks that both share, whom policy allows reaches the other on each, and back nobody begins on either', async () => {
    await expectAllowed(site, toEach('app/one', ...shared.two));
    await expectDenied(site, toEach('app/two', ...shared.one));
  });

  test("by the host's way from one of their networks to the other the same is allowed and the same denied", async () => {
    await roundabout(() => expectOnly(site, around('one'), around('two')));
  });

  test('on an internal network neighbours are judged, and the host is not reached by it', async () => {
    await withoutDockersRules(site, () =>
      expectOnly(site, toEach('app/shut', seats.vault), toEach('app/vault', seats.shut)),
    );
    await expectDenied(site, [...toEach('app/vault', gateways.inner), ...toEach('app/shut', gateways.inner)]);
  });

  test('an allow opens no way out of an internal network, and where Docker lets through there is only what policy allows', async () => {
    await expectDenied(site, closedIn());
    const denied = closedIn().filter((one) => !(one.from === 'app/shut' && one.port === 443));
    await withoutDockersRules(site, () => expectOnly(site, allowedOutside('app/shut'), denied));
  });

  test("a service on another's network reaches what that one does, and is reached where that one is", async () => {
    for (const who of ['app/web', 'app/beside']) {
      await expectAllowed(site, allowedOutside(who));
      await expectDenied(site, deniedOutside(who));
    }
    await expectAllowed(site, toBeside('app/one'));
    await expectDenied(site, [...toBeside('app/two'), ...toEach('app/two', seats.web)]);
  });

  test("two lists for one network leave neither service anything, and everybody else's theirs", async () => {
    await applyPolicy(site, policyWith('internet'));
    await expectDenied(site, ['app/web', 'app/beside'].flatMap(outside));
    await expectAllowed(site, [...allowedOutside('app/left'), ...toEach('app/one', ...shared.two)]);
  });

  test('who has no network is no obstacle, and is judged as soon as it has one that the policy was applied to', async () => {
    await applyPolicy(site, policy);
    const nowhere = await site.host.probeMany(outside('app/alone'));
    expect(nowhere.map(({ outcome, arrived }) => [outcome, arrived])).toEqual(nowhere.map(() => ['error', false]));
    await attach('alone');
    await expectDenied(site, outside('app/alone'));
    await applyPolicy(site, policy);
    await expectAllowed(site, allowedOutside('app/alone'));
    await expectDenied(site, deniedOutside('app/alone'));
  });
});

async function seatOn(site: Site, who: string, network: string): Promise<Seat> {
  const seat = (await site.host.container(who)).addresses.find((one) => one.network === network);
  if (seat === undefined) throw new Error(`${who} is not on ${network}`);
  return seat;
}
