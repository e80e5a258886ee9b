/** The world around a Docker host: a LAN with the article's servers, private hosts behind a router, an internet. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Cell } from './cell.ts';
import { type Finished, type RunOptions, until } from './exec.ts';
import { Observer, type Packet, type Wanted } from './observer.ts';
import { Agent, freshToken, type Probe, type ProbeSpec } from './probe.ts';
import { Stream, type StreamSpec, streamArgs } from './stream.ts';

/**
 * The far hosts. `any` are networks whose every address the host answers for, so that any destination a test invents
 * has an observer. `real` are ports of real servers; on all others an echo server answers.
 */
export const places = {
  /** The article's HTTP proxy: tinyproxy on 3128. */
  proxy: { v4: '192.168.100.1', v6: 'fd00:192:168::100:1', any: [], real: [3128], lan: true },
  /** The article's DNS server: dnsmasq on 53, udp and tcp. */
  dns: { v4: '192.168.100.2', v6: 'fd00:192:168::100:2', any: [], real: [53], lan: true },
  /** Another host on the LAN; nginx on 80. */
  private: { v4: '192.168.5.5', v6: 'fd00:192:168::5:5', any: ['192.168.5.0/24'], real: [80], lan: true },
  /** Somebody on the LAN who uses published ports. */
  lanClient: { v4: '192.168.0.20', v6: 'fd00:192:168::20', any: [], real: [], lan: true },
  /** Private networks behind the router. */
  ten: { v4: '10.9.9.9', v6: 'fd00:10:9:9::9', any: ['10.0.0.0/8', '100.64.0.0/10', 'fd00::/8'], real: [], lan: false },
  /** Cloud metadata; nginx on 80. */
  metadata: { v4: '169.254.169.254', v6: 'fd00:ec2::254', any: ['169.254.0.0/16'], real: [80], lan: false },
  /** Every global unicast address; nginx on 80. */
  internet: { v4: '45.90.10.10', v6: '2a0c:b641:10::10', any: ['0.0.0.0/0', '2000::/3'], real: [80], lan: false },
} as const;
export type PlaceName = keyof typeof places;
export const placeNames = Object.keys(places) as PlaceName[];

/** The Docker host on the LAN, and the router between the LAN and the rest. */
export const hostAddress = { v4: '192.168.0.10', v6: 'fd00:192:168::10' } as const;
export const router = { v4: '192.168.0.1', v6: 'fd00:192:168::1' } as const;
/** Where IPv6 container networks must lie for `routed` to find them. */
export const containerPrefix6 = 'fd00:172::/32';
/** Where IPv4 container networks lie: Docker's default pools on the LAN's side of 192.168. */
const containerPrefix4 = '172.16.0.0/12';

const notAnswered = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '100.64.0.0/10'];
const linkNet = '198.18'; // between the router and each host behind it

/** A far host. */
export class Far {
  readonly name: PlaceName;
  readonly v4: string;
  readonly v6: string;
  readonly observer: Observer;
  readonly #cell: Cell;
  #agent: Agent | undefined;
  /** Set by the site, which knows all observers. */
  judge: (specs: readonly (ProbeSpec & { from: string })[], agent: Agent) => Promise<Probe[]> = () => {
    throw new Error('this far host belongs to no site');
  };

  constructor(name: PlaceName, cell: Cell, observer: Observer) {
    this.name = name;
    this.v4 = places[name].v4;
    this.v6 = places[name].v6;
    this.#cell = cell;
    this.observer = observer;
  }

  /** Runs a program there (Debian's tools, labtool at /run/labtool). */
  run(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return this.#cell.run(command, { ...options, netns: this.name });
  }

  /** Starts a program there; it ends with the site. */
  spawn(command: readonly string[]): ChildProcessWithoutNullStreams {
    return this.#cell.spawn(command, { netns: this.name });
  }

  /** Whether a packet with this token, or one that meets the condition, has arrived by now. */
  saw(wanted: Wanted): Promise<boolean> {
    return this.observer.saw(wanted);
  }

  /** The packets that have arrived by now. */
  seen(wanted: Wanted): Promise<Packet[]> {
    return this.observer.seen(wanted);
  }

  /**
   * An own server here: `args` as of `labtool serve` (["udp", "5000", "--push", "50"]), with no address
   * translation of ours before it. Ended by `kill()`.
   */
  async serve(args: readonly string[]): Promise<ChildProcessWithoutNullStreams> {
    await this.own(...args.filter((word, index) => /^\d+$/.test(word) && args[index - 1] !== '--push').map(Number));
    const server = this.spawn(['/run/labtool', 'serve', ...args, '--log']);
    await new Promise<void>((resolve, reject) => {
      server.stdout.once('data', () => resolve());
      server.once('exit', () => reject(new Error(`${this.name} cannot serve ${args.join(' ')}`)));
    });
    server.stdout.resume();
    return server;
  }

  /** Takes ports out of the redirection to the echo server, for a server of one's own. */
  async own(...ports: number[]): Promise<void> {
    const element = `{ ${ports.join(', ')} }`;
    await this.#cell.must(['nft', 'add', 'element', 'inet', 'lab', 'own', element], { netns: this.name });
  }

  /** Sends one probe from here, e.g. from the LAN client to a published port. */
  async probe(spec: ProbeSpec): Promise<Probe> {
    const [probe] = await this.probeMany([spec]);
    return probe as Probe;
  }

  /** Sends many probes from here at once. */
  probeMany(specs: readonly ProbeSpec[]): Promise<Probe[]> {
    if (!this.#agent?.alive) this.#agent = new Agent(this.name, this.spawn(['/run/labtool', 'agent']));
    const from = this.name;
    return this.judge(
      specs.map((spec) => ({ from, ...spec })),
      this.#agent,
    );
  }

  /** Starts a steady sender here. */
  stream(spec: StreamSpec): Stream {
    const token = freshToken();
    return new Stream(token, this.spawn(['/run/labtool', ...streamArgs(spec, token)]));
  }
}

/** Builds the networks in `cell` (whose own network is the router) and joins the Docker host's. */
export async function buildWorld(cell: Cell, host: Cell, routed: boolean): Promise<void> {
  await cell.sysctl({ 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1, ...quietAddresses });
  const lines = ['link add lan type bridge mcast_snooping 0', 'link set lan up'];
  lines.push(`addr add ${router.v4}/16 dev lan`, `addr add ${router.v6}/64 dev lan nodad`);
  const inside = new Map<PlaceName, string[]>();
  let number = 0;
  for (const name of placeNames) {
    const place = places[name];
    const link = `${linkNet}.${++number}`;
    const link6 = `fd00:ffff:${number}`;
    // The rule parts the local table from the main one, which the kernel keeps as one until there is any rule; in the
    // merged one a throw route would end the search.
    const own = ['rule add pref 32000 lookup main', 'link set lo up', 'link set eth0 up'];
    lines.push(`netns add ${name}`, `link add v-${name} type veth peer name eth0 netns ${name}`);
    if (place.lan) {
      lines.push(`link set v-${name} master lan`, `link set v-${name} up`);
      own.push(`addr add ${place.v4}/16 dev eth0`, `addr add ${place.v6}/64 dev eth0 nodad`);
      own.push(`route add default via ${router.v4}`, `route add default via ${router.v6}`);
      if (routed)
        own.push(
          `route add ${containerPrefix4} via ${hostAddress.v4}`,
          `route add ${containerPrefix6} via ${hostAddress.v6}`,
        );
    } else {
      lines.push(
        `addr add ${link}.1/30 dev v-${name}`,
        `addr add ${link6}::1/64 dev v-${name} nodad`,
        `link set v-${name} up`,
      );
      // The host's own address comes first, so that redirected connections and its own are from it.
      own.push(`addr add ${place.v4}/32 dev eth0`, `addr add ${place.v6}/128 dev eth0 nodad`);
      own.push(`addr add ${link}.2/30 dev eth0`, `addr add ${link6}::2/64 dev eth0 nodad`);
      own.push(`route add default via ${link}.1 src ${place.v4}`, `route add default via ${link6}::1 src ${place.v6}`);
      lines.push(`route add ${place.v4}/32 via ${link}.2`, `route add ${place.v6}/128 via ${link6}::2`);
    }
    for (const net of place.any) {
      own.push(`route add local ${net} dev lo`);
      if (!place.lan) lines.push(`route add ${net} via ${net.includes(':') ? `${link6}::2` : `${link}.2`}`);
    }
    if (name === 'internet')
      for (const net of [...notAnswered, `${linkNet}.0.0/16`]) own.push(`route add throw ${net} table local`);
    if (name === 'metadata') lines.push(`route add fd00:ec2::/32 via ${link6}::2`);
    if (name === 'ten') {
      for (const net of ['fd00:192:168::/48', 'fd00:ffff::/32', containerPrefix6])
        own.push(`route add throw ${net} table local`);
      if (!routed) {
        own.push(`route add local ${containerPrefix4} dev lo`);
        lines.push(`route add ${containerPrefix4} via ${link}.2`);
      }
    }
    inside.set(name, own);
  }
  if (routed)
    lines.push(
      `route add ${containerPrefix4} via ${hostAddress.v4}`,
      `route add ${containerPrefix6} via ${hostAddress.v6}`,
    );
  await cell.must(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
  await Promise.all(
    placeNames.map(async (name) => {
      await cell.sysctl(quietAddresses, { netns: name });
      await cell.must(['ip', '-batch', '-'], { input: `${inside.get(name)?.join('\n')}\n`, netns: name });
    }),
  );
  await joinHost(cell, host);
}

/** No duplicate address detection, no router advertisements: addresses work at once and are ours alone. */
const quietAddresses = {
  'net.ipv6.conf.all.accept_dad': 0,
  'net.ipv6.conf.default.accept_dad': 0,
  'net.ipv6.conf.all.accept_ra': 0,
  'net.ipv6.conf.default.accept_ra': 0,
};

async function joinHost(cell: Cell, host: Cell): Promise<void> {
  const v6 = hostAddress.v6;
  await cell.net(['ip', 'link', 'add', 'v-host', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(host.pid)]);
  await cell.must(['ip', '-batch', '-'], { input: 'link set v-host master lan\nlink set v-host up\n' });
  const lines = [`addr add ${hostAddress.v4}/16 dev eth0`, `addr add ${v6}/64 dev eth0 nodad`, 'link set eth0 up'];
  lines.push(`route add default via ${router.v4}`, `route add default via ${router.v6}`);
  await host.must(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/**
 * Throws unless the lab is closed: no interface in any of its networks but loopback, its bridge and veths between its
 * own networks, and the machine itself holding none of them.
 */
export async function checkClosed(cell: Cell, host: Cell): Promise<void> {
  type Link = { ifname: string; link_type: string; link_netnsid?: number; linkinfo?: { info_kind?: string } };
  const ask = async (at: Cell, netns?: string) =>
    JSON.parse(await at.must(['ip', '-json', '-details', 'link', 'show'], { netns })) as Link[];
  const all = await Promise.all([ask(cell), ask(host), ...placeNames.map((name) => ask(cell, name))]);
  const expected = [placeNames.length + 3, 2, ...placeNames.map(() => 2)];
  all.forEach((links, index) => {
    // Tunnel modules put their fallback devices into every network; they lead nowhere while down.
    const real = links.filter(
      (link) =>
        !['sit', 'ipip', 'gre', 'ip6tnl', 'ip6gre', 'vti', 'vti6', 'erspan', 'gretap'].includes(
          link.linkinfo?.info_kind ?? '',
        ),
    );
    const odd = real.filter(
      (link) => link.link_type !== 'loopback' && !['veth', 'bridge'].includes(link.linkinfo?.info_kind ?? ''),
    );
    if (odd.length > 0 || real.length !== expected[index])
      throw new Error(`the lab is not closed: ${JSON.stringify(real.map((link) => link.ifname))}`);
  });
}

const redirect = (real: readonly number[]) => `table inet lab {
  set own { type inet_service; ${real.length > 0 ? `elements = { ${real.join(', ')} };` : ''} }
  chain pre {
    type nat hook prerouting priority dstnat;
    iifname "eth0" meta l4proto { tcp, udp } th dport != @own redirect to :7
  }
}
`;

/** Starts observers and servers on every far host. */
export async function populate(cell: Cell): Promise<Map<PlaceName, Far>> {
  const fars = new Map<PlaceName, Far>();
  await Promise.all(
    placeNames.map(async (name) => {
      fars.set(name, new Far(name, cell, await Observer.open(name, cell, 'eth0', { netns: name })));
    }),
  );
  for (const name of placeNames) {
    cell.write(`/run/lab/${name}.nft`, redirect(places[name].real));
    cell.write(`/run/lab/${name}/nginx.conf`, nginx(name));
  }
  cell.write('/run/lab/tinyproxy.conf', 'Port 3128\nTimeout 30\nMaxClients 50\nUser root\nGroup root\n');
  await Promise.all(placeNames.map((name) => cell.must(['nft', '-f', `/run/lab/${name}.nft`], { netns: name })));
  const real: [PlaceName, string[]][] = [
    ['proxy', ['tinyproxy', '-d', '-c', '/run/lab/tinyproxy.conf']],
    [
      'dns',
      [
        'dnsmasq',
        '--keep-in-foreground',
        '--conf-file=/dev/null',
        '--no-resolv',
        '--no-hosts',
        '--user=root',
        '--pid-file=',
      ]
        .concat(['--address=/probe.lab/45.90.10.10', '--address=/internet.lab/45.90.10.10'])
        .concat([
          '--address=/internet.lab/2a0c:b641:10::10',
          // names that turn to where their asker should not go
          `--address=/metadata.rebind.lab/${places.metadata.v4}`,
          `--address=/private.rebind.lab/${places.private.v4}`,
          '--local=/lab/',
          '--log-facility=/run/lab/dns.log',
          '--log-queries',
        ]),
    ],
  ];
  for (const name of ['private', 'metadata', 'internet'] as const)
    real.push([name, ['nginx', '-c', `/run/lab/${name}/nginx.conf`, '-e', `/run/lab/${name}/error.log`]]);
  for (const name of placeNames) real.push([name, ['/run/labtool', 'serve', 'tcp', '7', 'udp', '7']]);
  for (const [name, command] of real) {
    const server = cell.spawn(command, { netns: name });
    server.stdout.resume();
    server.stderr.resume();
    server.stdin.end();
  }
  await Promise.all(
    placeNames.map((name) =>
      until(`servers of ${name}`, async () => {
        const wanted = [7, ...places[name].real];
        const listening = await cell.must(['ss', '-Hltn'], { netns: name });
        return wanted.every((port) => new RegExp(`:${port}\\s`).test(listening)) ? true : undefined;
      }),
    ),
  );
  return fars;
}

function nginx(name: PlaceName): string {
  const dir = `/run/lab/${name}`;
  return `daemon off; user root; pid ${dir}/pid; worker_processes 1;
events { worker_connections 256; }
http { access_log ${dir}/access.log; client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f;
  uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  server { listen 80; listen [::]:80; location / { return 200 "${name} $remote_addr\\n"; } } }
`;
}
