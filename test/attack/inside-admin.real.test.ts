import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { findingAbout } from '../bypass/doctor.ts';
import { holdWith } from '../packets/backends.ts';
import { gatewayOf, type Seat, seatOf } from '../packets/forging.ts';
import { type Attempt, applyPolicy, arrivals, describeAttempt, expectAllowed } from '../packets/support.ts';
import { capable, less, throughTheHostsCard } from './beside-the-card.ts';
import { few, said, sendAstray, takeAtMost } from './rewritten.ts';
import { attackWays } from './ways.ts';

/** What a capability is good for: interfaces upon one's own and upon the host's (NET_ADMIN), frames of one's own (NET_RAW). */

const attacker = 'app/app';
const policy = `version: 1
projects:
  app: { allow: ["10.9.9.9:53/udp"] }
`;
/** One may write its own frames, as Docker has it, and one may not. */
const [writer, reader] = ['app/elasticsearch', 'app/mongo'] as const;
/** As the writer, on a network whose packets are smaller. */
const small = 'app/small';
const tight = 1_300;
const project = `${article({ ipv6: true, capAdd: ['NET_ADMIN'] }).replace(
  'mongo: { image: lab/app }',
  'mongo: { image: lab/app, cap_drop: [NET_RAW] }\n  small: { image: lab/app, networks: [tight] }',
)}  tight: { driver_opts: { com.docker.network.driver.mtu: "${tight}" } }
`;
const stranger = '172.20.77.77';

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
    expect(await throughTheHostsCard(site, attacker)).toEqual(['private']);
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

  /** Whether a datagram for 10.9.9.9 arrives at 45.90.9.9, by a way out that takes it apart. */
  async function astray(who: string): Promise<boolean> {
    await takeAtMost(site, few);
    try {
      return (await sendAstray(site, who)).astray;
    } finally {
      await takeAtMost(site, 1500);
    }
  }

  test("who may not change its network gets no interface upon the host's card, and doctor names who may", async () => {
    expect(await throughTheHostsCard(site, writer, less)).toEqual([expect.stringMatching(/denied|not permitted/)]);
    const { stdout } = await site.host.sluice('doctor', '--json');
    const { findings } = JSON.parse(stdout) as { findings: { code: string; severity: string; seen: string[] }[] };
    expect(findings.filter(({ code }) => code === 'net-admin')).toMatchObject([
      { severity: 'critical', seen: [expect.stringContaining(attacker)] },
    ]);
  });

  test('who may not write its own frames cannot have a destination written after the judgement', async () => {
    await expect(astray(reader)).rejects.toThrow('Operation not permitted');
  });

  test('nor can who is on a network that takes no more than the way out, and doctor names who can', async () => {
    const named = async (): Promise<readonly string[]> => {
      const finding = await findingAbout(site, { code: 'short-uplink', names: /./ });
      return (finding?.seen ?? []).map((line) => line.slice(0, line.indexOf(' '))).toSorted();
    };
    expect(await named()).toEqual([]);
    try {
      await takeAtMost(site, few);
      expect(await sendAstray(site, small, 'app_tight', tight)).toEqual({ there: false, astray: true });
      expect(await named()).toEqual([attacker, writer, small]);
      await takeAtMost(site, tight);
      expect(await sendAstray(site, small, 'app_tight', tight)).toEqual({ there: true, astray: false });
      await expect(sendAstray(site, small, 'app_tight', tight + 40)).rejects.toThrow('"sent":0,"errors":1');
      expect(await named()).toEqual([attacker, writer]);
    } finally {
      await takeAtMost(site, 1500);
    }
  });

  test('interfaces upon its own and other sizes lead nowhere', async () => {
    for (const build of builds()) expect(await tried(build), build.what).toEqual([]);
    await expectAllowed(site, [{ from: attacker, ...said }]);
  });

  test('who takes its own interface away is cut off, and keeps nobody from another policy', async () => {
    const opened: Attempt = { from: reader, to: places.private.v4, port: 514, proto: 'udp' };
    expect(await arrivals(site, [opened])).toEqual([]);
    expect((await own('link del eth0')).stderr).toBe('');
    expect(await applyPolicy(site, policy.replace('53/udp"]', `53/udp", "${places.private.v4}:514/udp"]`))).toContain(
      `Cut off:\n  ${attacker} `,
    );
    expect((await site.host.sluice('ps')).code).toBe(0);
    await expectAllowed(site, [opened]);
  });
});
