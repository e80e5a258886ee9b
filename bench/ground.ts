/**
 * Where packets are measured: a Docker host of the lab with its engine's own rules, two containers on one of its
 * networks, and a far network right behind the host that counts and drops. All of a packet's way is on one CPU.
 */
import type { Cell } from '../lab/cell.ts';
import type { Host } from '../lab/host.ts';
import type { Engine } from '../lab/roots.ts';
import { openSite, type Site } from '../lab/site.ts';
import { ensureRate } from './compile.ts';
import { type Anchor, firstDestination, firstSource, port, type Real } from './scene.ts';
import { type Send, sendingBy } from './worker.ts';

const cpu = '1';
const bridge = 'br-bench';
const sink = 'sink';
const rate = '/run/rate';
const destinations = '45.64.0.0/10';
const neighbour = '172.20.0.3';

/** Packets that reached the far network's or the neighbour's first hook, ever. */
export type Arrived = () => Promise<number>;

export interface Ground extends AsyncDisposable {
  readonly host: Host;
  readonly anchor: Anchor;
  /** The version that nft names. */
  readonly nft: string;
  /** Datagrams of so many workloads to their own 50 UDP destinations each, at random; 1: one flow. */
  flood(workloads: number): Send;
  /** Connections to the first workload's 50 TCP destinations. */
  connect(): Send;
  /** The same two to the neighbour on the bridge. */
  floodNeighbour(): Send;
  connectNeighbour(): Send;
  readonly arrivedFar: Arrived;
  readonly arrivedNeighbour: Arrived;
  /** Whether the bridge's frames pass inet's hooks: by the host's switch, by the bridge's own, or not at all. */
  bridgeNetfilter(by: 'sysctl' | 'bridge' | 'nothing'): Promise<void>;
}

/** @param half how many of a workload's destinations are TCP; as many are UDP */
export async function openGround(engine: Engine, half: number, say: (text: string) => void): Promise<Ground> {
  const program = await ensureRate(say);
  const site = await openSite({ engine, say });
  try {
    return await prepare(site, program, half);
  } catch (error) {
    await site.stop();
    throw error;
  }
}

async function prepare(site: Site, program: string, half: number): Promise<Ground> {
  const { host, router: world } = site;
  site.stopObservers();
  await Promise.all([host.bind(program, rate), world.bind(program, rate)]);
  await containers(host);
  await farNetwork(host, world);
  await startServer(world.spawn([rate, 'serve', cpu, String(port)], { netns: sink }));
  await startServer(await inContainer(host, 'neighbour', ['serve', cpu, String(port)]));
  const drop = (device: string) =>
    `table netdev bench {\n chain in { type filter hook ingress device "${device}" priority 0;\n udp dport ${port} counter drop\n }\n}\n`;
  await world.must(['nft', '-f', '-'], { netns: sink, input: drop('b-sink') });
  const loaded = await host.inNetworkOf('neighbour', ['nft', '-f', '-'], { input: drop('eth0') });
  if (loaded.code !== 0) throw new Error(loaded.stderr);
  const anchor = await anchorOf(host);
  const [sender, other] = anchor.real as readonly [Real, Real];
  const udpDestination = plus(firstDestination, half);
  const lazily = (name: string, args: readonly string[]): Send => {
    let send: Promise<Send> | undefined;
    return async (milliseconds) => {
      send ??= inContainer(host, 'sender', args).then((child) => sendingBy(child, name));
      return (await send)(milliseconds);
    };
  };
  const flood = (workloads: number, to: { mac: string; address: string; stride: number; addresses: number }) =>
    lazily(`flood of ${workloads}`, [
      'send',
      cpu,
      'eth0',
      sender.mac,
      to.mac,
      firstSource,
      String(workloads),
      to.address,
      String(to.stride),
      String(to.addresses),
      String(port),
    ]);
  const connect = (to: string, addresses: number) =>
    lazily('connections', ['connect', cpu, to, String(addresses), String(port)]);
  return {
    host,
    anchor,
    nft: (await host.must(['nft', '--version'])).replace(/^nftables v(\S+)[^]*$/, '$1'),
    flood: (workloads) =>
      flood(workloads, {
        mac: anchor.bridge.mac,
        address: udpDestination,
        stride: 2 * half,
        addresses: workloads === 1 ? 1 : half,
      }),
    connect: () => connect(firstDestination, half),
    floodNeighbour: () => flood(1, { mac: other.mac, address: neighbour, stride: 0, addresses: 1 }),
    connectNeighbour: () => connect(neighbour, 1),
    arrivedFar: async () => counted(await world.must(['nft', 'list', 'table', 'netdev', 'bench'], { netns: sink })),
    arrivedNeighbour: async () =>
      counted((await host.inNetworkOf('neighbour', ['nft', 'list', 'table', 'netdev', 'bench'])).stdout),
    bridgeNetfilter: async (by) => {
      const own = by === 'bridge' ? '1' : '0';
      await host.setBrNetfilter(by === 'sysctl');
      const link = ['ip', 'link', 'set', bridge, 'type', 'bridge'];
      await host.must([...link, 'nf_call_iptables', own, 'nf_call_ip6tables', own]);
    },
    [Symbol.asyncDispose]: () => site.stop(),
  };
}

async function containers(host: Host): Promise<void> {
  const named = `com.docker.network.bridge.name=${bridge}`;
  await host.docker('network', 'create', '--subnet', '172.20.0.0/16', '-o', named, 'bench');
  await host.docker('run', '-d', '--name', 'sender', '--network', 'bench', '--ip', firstSource, 'lab/app');
  await host.docker('run', '-d', '--name', 'neighbour', '--network', 'bench', '--ip', neighbour, 'lab/app');
  await host.sysctl({
    // all flows stay known, so that a visit finds what the one before found
    'net.netfilter.nf_conntrack_udp_timeout': 600,
    // connections end by a reset; their entries would fill the table
    'net.netfilter.nf_conntrack_tcp_timeout_close': 1,
    [`net.ipv4.conf.${bridge}.send_redirects`]: 0,
    'net.ipv4.conf.all.send_redirects': 0,
  });
}

/** A network of its own behind the host, without the lab's other hosts on the way. */
async function farNetwork(host: Host, world: Cell): Promise<void> {
  await world.must(['ip', 'netns', 'add', sink]);
  const peer = ['peer', 'name', 'bench0', 'netns', String(host.cell.pid)];
  await world.net(['ip', 'link', 'add', 'b-sink', 'type', 'veth', ...peer]);
  await world.must(['ip', 'link', 'set', 'b-sink', 'netns', sink]);
  const there = ['link set lo up', 'addr add 198.19.0.2/24 dev b-sink', 'link set b-sink up'];
  there.push('route add default via 198.19.0.1', `route add local ${destinations} dev lo`);
  await world.must(['ip', '-batch', '-'], { netns: sink, input: `${there.join('\n')}\n` });
  const here = ['addr add 198.19.0.1/24 dev bench0', 'link set bench0 up', `route add ${destinations} via 198.19.0.2`];
  await host.must(['ip', '-batch', '-'], { input: `${here.join('\n')}\n` });
}

async function inContainer(host: Host, name: string, args: readonly string[]) {
  const { pid } = await host.container(name);
  return host.spawn(['/run/labtool', 'netns', String(pid), '--', rate, ...args]);
}

type Child = Awaited<ReturnType<typeof inContainer>>;

async function startServer(child: Child): Promise<void> {
  let words = '';
  child.stderr.on('data', (data: Buffer) => {
    words += data;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', () => reject(new Error(`no server: ${words}`)));
  });
}

interface Link {
  readonly ifname: string;
  readonly ifindex: number;
  readonly address: string;
  readonly link_index?: number;
}

async function anchorOf(host: Host): Promise<Anchor> {
  const links = JSON.parse(await host.must(['ip', '-json', 'link'])) as readonly Link[];
  const link = (is: (link: Link) => boolean, what: string): Link => {
    const found = links.find(is);
    if (found === undefined) throw new Error(`the host has no ${what}`);
    return found;
  };
  const real = await Promise.all(
    ['sender', 'neighbour'].map(async (name): Promise<Real> => {
      const inside = JSON.parse((await host.inNetworkOf(name, ['ip', '-json', 'link'])).stdout) as readonly Link[];
      const eth0 = inside.find(({ ifname }) => ifname === 'eth0');
      const veth = link(({ ifindex }) => ifindex === eth0?.link_index, `port of ${name}`);
      return { port: { name: veth.ifname, index: veth.ifindex }, mac: eth0?.address ?? '' };
    }),
  );
  const { ifname, ifindex, address } = link((one) => one.ifname === bridge, bridge);
  return { bridge: { name: ifname, index: ifindex, mac: address }, real, onePort: true };
}

function counted(listing: string): number {
  const found = /counter packets (\d+)/.exec(listing)?.[1];
  if (found === undefined) throw new Error(`nothing counts here: ${listing}`);
  return Number(found);
}

function plus(address: string, more: number): string {
  const parts = address.split('.').map(Number);
  const value = parts.reduce((sum, part) => sum * 256 + part, 0) + more;
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}
