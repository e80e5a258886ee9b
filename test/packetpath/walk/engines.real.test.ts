import { expect, test } from 'vitest';
import { article } from '../../../lab/article.ts';
import { engines } from '../../../lab/roots.ts';
import { openSite, type Site } from '../../../lab/site.ts';
import { hostAddress, places } from '../../../lab/world.ts';
import type { Attempt } from '../../packets/support.ts';

/** What `explain --path --json` says, as far as it is looked at here. */
interface Answer {
  readonly verdict: string;
  readonly outcomes: readonly {
    readonly verdict: string;
    readonly decidedBy: { readonly kind: string; readonly chain?: string };
  }[];
  readonly live: { readonly kernel: string; readonly agrees: boolean | null; readonly compared: string | null } | null;
}

async function explained(
  site: Site,
  from: string,
  { to, port, proto = 'tcp' }: Attempt,
  ...more: string[]
): Promise<Answer> {
  const text = proto === 'icmp' ? `${to}/icmp` : `${to}:${port}/${proto}`;
  const done = await site.host.sluice('explain', '--path', '--json', ...more, from, text);
  if (done.stdout === '') throw new Error(`${from} -> ${text}: ${done.stderr}`);
  return JSON.parse(done.stdout) as Answer;
}

/** Somebody's rules beside Docker's, of both engines of the kernel. */
const rules = [
  ['iptables', '-I', 'DOCKER-USER', '-d', places.private.v4, '-j', 'DROP'],
  ['iptables', '-t', 'mangle', '-I', 'FORWARD', '-d', places.ten.v4, '-p', 'udp', '--dport', '514', '-j', 'DROP'],
];
const native = `table inet somebodys {
  chain forward { type filter hook forward priority 5; ip daddr ${places.metadata.v4} tcp dport { 80, 443 } reject; }
  chain input { type filter hook input priority -5; tcp dport 9999 drop; }
}
`;

test.each(engines)(
  'engine %s: the walk of a project’s packets is what becomes of them',
  { timeout: 300_000 },
  async (engine) => {
    await using site = await openSite({ engine, brNetfilter: engine !== '26.1', routed: true });
    await site.host.compose('app', article(), 'up', '-d');
    for (const rule of rules) await site.host.must(rule);
    await site.host.must(['nft', '-f', '-'], { input: native });
    const containers = await site.host.containers();
    const inspected = JSON.parse(await site.host.docker('inspect', ...containers.map(({ id }) => id))) as readonly {
      readonly Name: string;
      readonly NetworkSettings: {
        readonly Networks: Readonly<Record<string, { readonly IPAddress: string; readonly Gateway: string }>>;
      };
    }[];
    const own = inspected.map(({ Name, NetworkSettings: { Networks } }) => ({
      name: Name,
      ...Object.values(Networks)[0],
    }));
    const neighbour = own.find(({ name }) => !/app[-_]app[-_]/.test(name))?.IPAddress ?? '';
    const gateway = own[0]?.Gateway ?? '';
    const from = 'app/app';
    const attempts: readonly Attempt[] = [
      { from, to: places.proxy.v4, port: 3128 },
      { from, to: places.internet.v4, port: 443, proto: 'udp' },
      { from, to: places.internet.v4, proto: 'icmp' },
      { from, to: places.private.v4, port: 22 },
      { from, to: places.private.v4, port: 514, proto: 'udp' },
      { from, to: places.ten.v4, port: 514, proto: 'udp' },
      { from, to: places.ten.v4, port: 515, proto: 'udp' },
      { from, to: places.metadata.v4, port: 80 },
      { from, to: places.metadata.v4, port: 81 },
      { from, to: hostAddress.v4, port: 22 },
      { from, to: hostAddress.v4, port: 9999 },
      { from, to: gateway, port: 9999, proto: 'udp' },
      { from, to: neighbour, port: 27017 },
    ];
    const probes = await site.host.probeMany(attempts);
    const said: string[] = [];
    const seen: string[] = [];
    for (const [index, attempt] of attempts.entries()) {
      const name = `${attempt.to} ${attempt.port ?? ''} ${attempt.proto ?? 'tcp'}`;
      const { verdict } = await explained(site, from, attempt);
      said.push(`${name}: ${verdict === 'accepted' ? 'arrives' : verdict === 'depends' ? 'depends' : 'stopped'}`);
      seen.push(`${name}: ${probes[index]?.arrived ? 'arrives' : 'stopped'}`);
    }
    expect(said).toEqual(seen);
    expect(seen.filter((text) => text.endsWith('stopped')).length).toBeGreaterThanOrEqual(5);
    expect(seen.filter((text) => text.endsWith('arrives')).length).toBeGreaterThanOrEqual(6);

    // the published port, from the LAN
    const published: Attempt = { from: 'lan', to: hostAddress.v4, port: 3000 };
    const answered = await site.lanClient.probe(published);
    const inbound = await explained(site, places.lanClient.v4, published);
    expect({ arrived: answered.arrived, verdict: inbound.verdict }).toEqual({ arrived: true, verdict: 'accepted' });

    // and by the kernel's own trace, from the container and from the host
    for (const attempt of [attempts[0], attempts[3], attempts[7], attempts[10]] as readonly Attempt[]) {
      const { verdict, live } = await explained(site, from, attempt, '--live');
      expect({ to: attempt.to, kernel: live?.kernel, agrees: live?.agrees, compared: live?.compared }).toEqual({
        to: attempt.to,
        kernel: verdict === 'accepted' ? 'passed' : 'stopped',
        agrees: true,
        compared: 'rule',
      });
    }
    const fromHost = await explained(site, 'host', { from: 'host', to: places.proxy.v4, port: 3128 }, '--live');
    expect({ verdict: fromHost.verdict, live: fromHost.live }).toMatchObject({
      verdict: 'accepted',
      live: { kernel: 'passed', agrees: true },
    });
    // its own address: out by lo and in again, where a rule of somebody's stops it
    const toItself = await explained(site, 'host', { from: 'host', to: hostAddress.v4, port: 9999 }, '--live');
    expect({ verdict: toItself.verdict, live: toItself.live }).toMatchObject({
      verdict: 'dropped',
      live: { kernel: 'stopped', agrees: true, compared: 'rule' },
    });
    const left = await site.host.must(['nft', 'list', 'tables']);
    expect(left).not.toContain('sluice');
  },
);
