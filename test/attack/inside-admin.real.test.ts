import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { freshToken } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { holdWith } from '../packets/backends.ts';
import { gatewayOf, type Seat, seatOf } from '../packets/forging.ts';
import { type Attempt, applyPolicy, arrivals, describeAttempt, expectAllowed } from '../packets/support.ts';
import { rewritten } from './rewritten.ts';
import { attackWays } from './ways.ts';

/** What a capability is good for: interfaces upon one's own and upon the host's (NET_ADMIN), frames of one's own (NET_RAW). */

const attacker = 'app/app';
const policy = `version: 1
projects:
  app: { allow: ["10.9.9.9:53/udp"] }
`;
/** Nothing but NET_ADMIN and NET_RAW, in the container's network; and one less. */
const capable = ['setpriv', '--bounding-set=-all,+net_admin,+net_raw', '--no-new-privs'];
const less = ['setpriv', '--bounding-set=-all,+net_raw', '--no-new-privs'];
/** One may write its own frames, as Docker has it, and one may not. */
const [writer, reader] = ['app/elasticsearch', 'app/mongo'] as const;
const project = article({ ipv6: true, capAdd: ['NET_ADMIN'] }).replace(
  'mongo: { image: lab/app }',
  'mongo: { image: lab/app, cap_drop: [NET_RAW] }',
);
const stranger = '172.20.77.77';
/** A free address of the LAN that the host's card is on. */
const onLan = '192.168.0.77';

interface Build {
  readonly what: string;
  /** `ip` commands in the container's network, and those that undo them. */
  readonly make: readonly string[];
  readonly undo: readonly string[];
  /** Where it sends from then. */
  readonly source: string;
}

describe.each(attackWays)('attacks by capabilities, engine $name', { timeout: 120_000 }, (way) => {
  let site: Site;
  let self: Seat;
  let gateway: Seat;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine: way.engine, routed: true }), way.backend);
    await site.host.compose('app', project, 'up', '-d');
    self = await seatOf(site, attacker);
    gateway = await gatewayOf(site, 'app_default');
    for (const build of builds())
      expect(await tried(build), build.what).toEqual(attemptsOf(build).map(describeAttempt));
    expect(await throughTheHostsCard(attacker, capable)).toEqual(['private']);
    expect(await astray(writer)).toBe(true);
    await applyPolicy(site, policy);
  });
  afterAll(() => site?.stop());

  function builds(): readonly Build[] {
    const back = `route replace default via ${gateway.v4} dev eth0`;
    return [
      {
        what: 'macvlan on its own interface',
        make: [
          'link add link eth0 name sub0 type macvlan mode bridge',
          `addr add ${stranger}/16 dev sub0`,
          'link set sub0 up',
          'route del default',
          `route add default via ${gateway.v4} dev sub0 src ${stranger}`,
        ],
        undo: ['link del sub0', back],
        source: stranger,
      },
      {
        what: 'another MTU and no queue',
        make: ['link set eth0 mtu 900', 'link set eth0 txqueuelen 0'],
        undo: ['link set eth0 mtu 1500'],
        source: self.v4,
      },
    ];
  }

  const attemptsOf = ({ source }: Build): readonly Attempt[] =>
    [places.private.v4, places.internet.v4, hostAddress.v4].map((to) => ({
      from: attacker,
      to,
      source,
      port: 9_999,
      proto: 'udp',
      timeout: 300,
    }));

  const own = (command: string) => site.host.inNetworkOf(attacker, [...capable, 'ip', ...command.split(' ')]);

  async function tried(build: Build): Promise<readonly string[]> {
    for (const command of build.make) expect((await own(command)).stderr, command).toBe('');
    try {
      return await arrivals(site, attemptsOf(build));
    } finally {
      for (const command of build.undo) await own(command);
    }
  }

  /**
   * Who hears a container that puts an interface upon the host's own card: the other end of its eth0 is in the host's
   * network, so that network has a number here (rtnetlink(7), IFLA_LINK_NETNSID).
   */
  async function throughTheHostsCard(who: string, may: readonly string[]): Promise<readonly string[]> {
    const ip = (...command: string[]) => site.host.inNetworkOf(who, [...may, 'ip', ...command]);
    const links = (said: string) => JSON.parse(said) as { ifindex: number; ifname: string }[];
    const card = links(await site.host.must(['ip', '-json', 'link', 'show', 'eth0']))[0]?.ifindex ?? 0;
    // `ip` takes names, the kernel the index behind it: an interface here that has the card's index there
    let alias = links((await ip('-json', 'link')).stdout).find(({ ifindex }) => ifindex === card)?.ifname;
    if (alias === undefined) {
      alias = 'alias0';
      await ip('link', 'add', 'index', String(card), 'name', alias, 'type', 'bridge');
    }
    const upon = ['link', alias, 'link-netnsid', '0', 'name', 'out0', 'type', 'macvlan', 'mode', 'bridge'];
    const made = await ip('link', 'add', ...upon);
    if (made.code !== 0) return [made.stderr.trim()];
    await ip('addr', 'add', `${onLan}/32`, 'dev', 'out0');
    await ip('link', 'set', 'out0', 'up');
    await ip('route', 'add', `${places.private.v4}/32`, 'dev', 'out0', 'src', onLan);
    const probe = await site.host.probe(who, { to: places.private.v4, port: 9_999, proto: 'udp', source: onLan });
    await ip('link', 'del', 'out0');
    return probe.at;
  }

  /** Whether a datagram for 10.9.9.9 arrives at 45.90.9.9, by a way out that takes it apart. */
  async function astray(who: string): Promise<boolean> {
    const token = freshToken();
    const sent = rewritten({ self: await seatOf(site, who), gateway, said: '10.9.9.9', meant: 0x2d5a, token });
    await site.host.must(['ip', 'link', 'set', 'eth0', 'mtu', '600']);
    try {
      await site.host.sendFrames(who, sent.frames, { offload: sent.offload });
      return await site.internet.saw(token);
    } finally {
      await site.host.must(['ip', 'link', 'set', 'eth0', 'mtu', '1500']);
    }
  }

  test("who may not change its network gets no interface upon the host's card, and doctor names who may", async () => {
    expect(await throughTheHostsCard(writer, less)).toEqual([expect.stringMatching(/denied|not permitted/)]);
    const { stdout } = await site.host.sluice('doctor', '--json');
    const { findings } = JSON.parse(stdout) as { findings: { code: string; severity: string; seen: string[] }[] };
    expect(findings.filter(({ code }) => code === 'net-admin')).toMatchObject([
      { severity: 'critical', seen: [expect.stringContaining(attacker)] },
    ]);
  });

  test('who may not write its own frames cannot have a destination written after the judgement', async () => {
    await expect(astray(reader)).rejects.toThrow('Operation not permitted');
  });

  test('interfaces upon its own and other sizes lead nowhere', async () => {
    for (const build of builds()) expect(await tried(build), build.what).toEqual([]);
    await expectAllowed(site, [{ from: attacker, to: '10.9.9.9', port: 53, proto: 'udp' }]);
  });
});
