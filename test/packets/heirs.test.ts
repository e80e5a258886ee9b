import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Daemon } from '../../lab/daemon.ts';
import { until } from '../../lab/exec.ts';
import { openSite, type Site } from '../../lab/site.ts';
import type { Stream } from '../../lab/stream.ts';
import { places } from '../../lab/world.ts';
import { full } from '../campaign/campaign.ts';
import { waysOn } from './backends.ts';

/**
 * Who takes over another one's address, MAC and port while the daemon holds, as soon as the engine gives them. Both speak as
 * one: from the same to the same, all the time.
 */
const network = 'lane';
/** The MAC is the one that engines up to 26.1 give to the address. */
const seat = { v4: '172.24.0.77', v6: 'fd00:172:24::77', mac: '02:42:ac:18:00:4d' } as const;
const port = 443;
/** `stays` keeps the bridge enrolled whoever else is on it. */
const policy = `version: 1
containers:
  may: { allow: ["internet:${port}/udp"] }
  may-not: { allow: none }
  stays: { allow: ["container/may:9200/udp"] }
`;
const families = ['v4', 'v6'] as const;
type Who = 'may' | 'may-not';
const rounds = full ? 8 : 2;

describe.each(waysOn('28.5', 'iptables-nft'))('an address that changes hands, engine $name', (way) => {
  let site: Site;
  let daemon: Daemon;
  /** What somebody else sends to the address. */
  let neighbour: Stream;
  let streams: Readonly<Record<Who, readonly Stream[]>>;

  beforeAll(async () => {
    site = await openSite({ engine: way.engine });
    const subnets = ['--ipv6', '--subnet', '172.24.0.0/24', '--subnet', 'fd00:172:24::/64'];
    await site.host.docker('network', 'create', ...subnets, network);
    for (const who of ['stays', 'may', 'may-not'] as const)
      await site.host.docker('run', '-d', '--name', who, '--network', network, 'lab/app');
    for (const who of ['may', 'may-not'] as const) await leaves(who);
    await site.host.nft(tally);
    streams = { may: await speaking('may'), 'may-not': await speaking('may-not') };
    neighbour = await site.host.stream('stays', { proto: 'udp', to: seat.v4, port: 9200, outside: true });
    await takes('may-not');
    await arrivesAnew('may-not');
    const heir = await site.host.observer('may-not');
    await until('what a neighbour sends to the address', async () => (await heir.saw(neighbour.token)) || undefined);
    await leaves('may-not');
    site.host.write('/etc/sluice/policy.yaml', policy);
    daemon = await site.host.daemon({ args: ['--backend', way.backend] });
  });
  afterAll(() => site?.stop());

  const leaves = (who: Who) =>
    site.host.api(`/networks/${network}/disconnect`, 'POST', { Container: who, Force: true });
  const takes = (who: Who) =>
    site.host.api(`/networks/${network}/connect`, 'POST', {
      Container: who,
      EndpointConfig: { IPAMConfig: { IPv4Address: seat.v4, IPv6Address: seat.v6 }, MacAddress: seat.mac },
    });

  /** While one has no network its datagrams go nowhere. */
  const speaking = (who: Who): Promise<readonly Stream[]> =>
    Promise.all(
      families.map((family) => {
        const to = places.internet[family];
        return site.host.stream(who, { proto: 'udp', to, port, sport: 40_443, rate: 200, outside: true });
      }),
    );

  const arrived = (who: Who) => Promise.all(streams[who].map(({ token }) => site.internet.observer.count(token)));

  /** Waits until there is more of both families. */
  async function rises(what: string, count: () => Promise<readonly number[]>): Promise<void> {
    const before = await count();
    await until(what, async () => (await count()).every((now, at) => now > (before[at] as number) + 5) || undefined);
  }
  const arrivesAnew = (who: Who) => rises(`what ${who} sends to arrive`, () => arrived(who));

  test('who may nothing has nothing of the conversation, and who may begins anew where the other was denied', async () => {
    await takes('may');
    await arrivesAnew('may');
    const [heir, meant] = [await site.host.observer('may-not'), await site.host.observer('may')];
    const before = [await arrived('may-not'), await heir.count(neighbour.token)];
    for (let round = 0; round < rounds; round++) {
      await leaves('may');
      await takes('may-not');
      await rises('frames of who may nothing', () => tallied(site));
      await leaves('may-not');
      await takes('may');
      await arrivesAnew('may');
    }
    // neither what it sends arrives, nor does it get what is meant for the other
    expect([await arrived('may-not'), await heir.count(neighbour.token)]).toEqual(before);
    expect(await meant.saw(neighbour.token)).toBe(true);
    expect((await daemon.status()).troubles).toEqual([]);
  });
});

/** Counts the frames of the conversation that come up to the bridge, whoever sends them, before any rule of ours. */
const tally = `table bridge tally {
  counter v4 { }
  counter v6 { }
  chain tally {
    type filter hook prerouting priority -500
    ip saddr ${seat.v4} udp dport ${port} counter name v4
    ip6 saddr ${seat.v6} udp dport ${port} counter name v6
  }
}`;

async function tallied(site: Site): Promise<readonly number[]> {
  const { nftables } = JSON.parse(
    await site.host.must(['nft', '-j', 'list', 'counters', 'table', 'bridge', 'tally']),
  ) as {
    nftables: readonly { readonly counter?: { readonly packets: number } }[];
  };
  return nftables.flatMap(({ counter }) => (counter === undefined ? [] : [counter.packets]));
}
