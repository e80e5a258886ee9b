import { setTimeout as sleep } from 'node:timers/promises';
import * as frames from '../../../lab/frames.ts';
import { freshToken } from '../../../lab/probe.ts';
import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import { type Forgery, gatewayOf, seatOf } from '../../packets/forging.ts';
import { tagged } from '../../packets/lying.ts';
import type { Attempt } from '../../packets/support.ts';
import type { Held, Prepare, Row, Sighting } from '../row.ts';
import { byFrames, byProbes } from '../sightings.ts';

const families = ['v4', 'v6'] as const;
const who = 'admin';

/** A container that may change everything in its own network, and is gone afterwards. */
const prepare: Prepare = async ({ site }) => {
  await site.host.docker('run', '-d', '--name', who, '--network', 'app_default', '--cap-add', 'NET_ADMIN', 'lab/app');
  return () => site.host.docker('rm', '-f', who);
};

const proxyForAdmin: Held = {
  policy: `version: 1
projects:
  app: { allow: [same-project] }
containers:
  admin: { allow: ["${places.proxy.v4}:3128"] }
`,
  allowed: [{ from: who, to: places.proxy.v4, port: 3128 }],
};

async function within(site: Site, command: readonly string[], input = ''): Promise<void> {
  const done = await site.host.inNetworkOf(who, command, { input });
  if (done.code !== 0) throw new Error(`${command.join(' ')} in ${who}: ${done.stderr}`);
}

/** Marks that firewalls on the host know: ours, of which one proves a sender; Docker's; all bits. */
const marks = ['0x20000000', '0x10000000', '0x1', '0xffffffff'];

/** What its kernel sends with marks on the packet and on its conversation, after everything else in there is flushed. */
async function withMarks(site: Site): Promise<readonly Sighting[]> {
  const attempts = families.flatMap((family): readonly Attempt[] => [
    { from: who, to: places.internet[family], port: 443, timeout: 300 },
    { from: who, to: places.private[family], port: 514, proto: 'udp', timeout: 300 },
  ]);
  const seen: Sighting[] = [];
  for (const mark of marks) {
    const rules = `flush ruleset
table inet marking { chain out { type filter hook output priority 0; meta mark set ${mark}; ct mark set ${mark}; }; }`;
    await within(site, ['nft', '-f', '-'], rules);
    seen.push(...(await byProbes(site, attempts, ` with mark ${mark}`)));
  }
  await within(site, ['nft', 'flush', 'ruleset']);
  return seen;
}

/** Tunnels as it could build them: the packet inside goes to a private host. */
async function tunnels(site: Site): Promise<readonly Forgery[]> {
  const self = await seatOf(site, who);
  const gateway = await gatewayOf(site, 'app_default');
  return families.flatMap((family): readonly Forgery[] => {
    const outer = { src: self[family], dst: places.internet[family] };
    const inner = (token: string) =>
      frames.udp({ src: '10.1.1.1', dst: places.private.v4, sport: 5555, dport: 514 }, token);
    const framed = (token: string) => frames.ethernet({ from: self.mac, to: gateway.mac, type: 0x0800 }, inner(token));
    const tunnel = (name: string, wrap: (token: string) => Uint8Array): Forgery => {
      const token = freshToken();
      const at = { from: self.mac, to: gateway.mac, type: frames.etherType(outer.src) };
      return { name: `${name} over ${family}`, token, frame: frames.ethernet(at, wrap(token)) };
    };
    const vxlan = Uint8Array.from([8, 0, 0, 0, 0, 0, 42, 0]);
    const ends = { ...outer, sport: 5555, dport: 4789 };
    return [
      tunnel('IPIP', (token) => frames.packet({ ...outer, proto: 4 }, inner(token))),
      tunnel('GRE', (token) => frames.packet({ ...outer, proto: 47 }, Uint8Array.from([0, 0, 8, 0, ...inner(token)]))),
      tunnel('VXLAN', (token) => frames.udp(ends, Uint8Array.from([...vxlan, ...framed(token)]))),
    ];
  });
}

export const netAdmin: Row = {
  number: 36,
  title: 'NET_ADMIN: inner rules flushed, marks, tunnels, tags',
  tries:
    "Whoever may change the container's own network flushes the rules in there, marks its packets, builds tunnels and VLAN tags.",
  is: {
    state: 'closed',
    under: [proxyForAdmin],
    prepare,
    attempt: async ({ site }) => {
      const scene = {
        self: await seatOf(site, who),
        peer: await seatOf(site, 'app/mongo'),
        other: await seatOf(site, 'app/elasticsearch'),
        gateway: await gatewayOf(site, 'app_default'),
      };
      return [...(await withMarks(site)), ...(await byFrames(site, who, [...(await tunnels(site)), ...tagged(scene)]))];
    },
  },
};

/** A network namespace of its own inside the container, joined by a veth; whoever sends there goes through the container. */
async function nested(site: Site): Promise<{ readonly send: (to: string) => Promise<string>; stop: () => void }> {
  const { pid } = await site.host.container(who);
  const inside = ['/run/labtool', 'netns', String(pid), '--'];
  const sleeper = site.host.spawn([...inside, 'unshare', '-n', 'sh', '-c', 'echo $$; exec sleep 600']);
  const inner = await new Promise<string>((resolve, reject) => {
    sleeper.stdout.once('data', (data: Buffer) => resolve(data.toString().trim()));
    sleeper.once('exit', () => reject(new Error('no namespace within')));
  });
  const there = ['/run/labtool', 'netns', inner, '--'];
  // engines up to 26 switch IPv6 off for interfaces to come
  const undoubted = [
    '/run/labtool',
    'sysctl',
    'net.ipv6.conf.default.accept_dad=0',
    'net.ipv6.conf.default.disable_ipv6=0',
  ];
  await within(site, undoubted);
  await site.host.must([...there, ...undoubted]);
  await within(site, ['ip', 'link', 'add', 'in0', 'type', 'veth', 'peer', 'name', 'in1', 'netns', inner]);
  for (const command of ['link set in0 up', 'addr add 10.250.0.1/24 dev in0', 'addr add fd00:250::1/64 dev in0 nodad'])
    await within(site, ['ip', ...command.split(' ')]);
  await within(site, ['/run/labtool', 'sysctl', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  for (const command of [
    'link set lo up',
    'link set in1 up',
    'addr add 10.250.0.2/24 dev in1',
    'addr add fd00:250::2/64 dev in1 nodad',
    'route add default via 10.250.0.1',
    '-6 route add default via fd00:250::1',
  ])
    await site.host.must([...there, 'ip', ...command.split(' ')]);
  await sleep(200);
  return {
    send: async (to) => {
      const token = freshToken();
      const probe = ['/run/labtool', 'probe', 'udp', to, '514', '--token', token, '--timeout', '300'];
      // the first ones ask for everybody's MAC on the way
      for (let round = 0; round < 4; round++) await site.host.must([...there, ...probe]);
      return token;
    },
    stop: () => sleeper.kill('SIGKILL'),
  };
}

const masquerade = `table inet inner { chain post { type nat hook postrouting priority 100; oifname "eth0" masquerade; }; }`;

export const newNamespace: Row = {
  number: 37,
  title: 'a network namespace of its own in the container',
  tries: 'Sends from a namespace inside, through the container as its router: with masquerade there, and without.',
  is: {
    state: 'closed',
    under: [proxyForAdmin],
    prepare,
    attempt: async ({ site }) => {
      const { send, stop } = await nested(site);
      const targets = [places.internet, places.private].flatMap((place) => families.map((family) => place[family]));
      const seen: Sighting[] = [];
      for (const translated of [false, true]) {
        if (translated) await within(site, ['nft', '-f', '-'], masquerade);
        for (const to of targets) {
          const arrived = await site.arrivedAnywhere(await send(to));
          const what = `from within to ${to}${translated ? ', masqueraded' : ''}`;
          seen.push({ what, at: arrived ? ['a far host'] : [] });
        }
      }
      await within(site, ['nft', 'delete', 'table', 'inet', 'inner']);
      await within(site, ['ip', 'link', 'del', 'in0']);
      stop();
      return seen;
    },
  },
};
