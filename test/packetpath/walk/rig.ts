import { Cell } from '../../../lab/cell.ts';
import { run, until } from '../../../lab/exec.ts';
import { Observer, type Packet } from '../../../lab/observer.ts';
import { Agent, type Answer, freshSport, freshToken } from '../../../lab/probe.ts';
import { type Engine, ensureRoot } from '../../../lab/roots.ts';
import { removeCgroups, sweep } from '../../../lab/sweep.ts';
import { ensureTools } from '../../../lab/tools.ts';

/** Who can send and receive around the host under test. */
export const nodes = {
  c1: { bridge: 'br-one', port: 'vc1', v4: '172.21.0.2', v6: 'fd00:21::2' },
  c2: { bridge: 'br-one', port: 'vc2', v4: '172.21.0.3', v6: 'fd00:21::3' },
  c3: { bridge: 'br-two', port: 'vc3', v4: '172.22.0.2', v6: 'fd00:22::2' },
  /** The world beyond the host's uplink; it answers for `far` too. */
  lan: { bridge: null, port: 'eth0', v4: '192.168.7.20', v6: 'fd00:7::20' },
} as const;
export type Node = keyof typeof nodes;
export const nodeNames = Object.keys(nodes) as Node[];
export type Sender = Node | 'host';

/** The host's own addresses. */
export const own = {
  'br-one': { v4: '172.21.0.1', v6: 'fd00:21::1' },
  'br-two': { v4: '172.22.0.1', v6: 'fd00:22::1' },
  eth0: { v4: '192.168.7.10', v6: 'fd00:7::10' },
} as const;

/** Addresses beyond the LAN, which `lan` answers for. */
export const far = { v4: ['10.1.2.3', '10.200.0.9'], v6: ['fd00:10::9', 'fd00:10:0:7::1'] } as const;

/** Ports that everybody answers on. */
export const served = [53, 80, 443, 3000, 8080] as const;

export interface Probe {
  readonly from: Sender;
  readonly to: string;
  readonly proto: 'udp' | 'tcp' | 'icmp';
  readonly port: number;
}

/** What became of a probe. */
export interface Seen {
  /** Who took its first packet in, and as what it came there; null: nobody. */
  readonly arrived: { readonly at: Sender; readonly packet: Packet } | null;
  readonly answer: Answer['outcome'];
  readonly sport: number;
}

const macOf = (number: number): string => `02:00:00:00:00:${number.toString(16).padStart(2, '0')}`;

/** A host with two bridges and an uplink, in namespaces, without an engine: rules of any kind are loaded into it. */
export class Rig implements AsyncDisposable {
  readonly cell: Cell;
  readonly #observers = new Map<Sender, Observer>();
  readonly #agents = new Map<Sender, Agent>();

  private constructor(cell: Cell) {
    this.cell = cell;
  }

  static async open(engine: Engine): Promise<Rig> {
    await sweep();
    await run(['modprobe', '-aq', 'br_netfilter', 'ip_tables', 'ip6_tables', 'iptable_nat', 'ip6table_nat']).catch(
      () => {},
    );
    const tools = await ensureTools();
    const cell = await Cell.open(await ensureRoot(engine), 'walk', tools);
    const rig = new Rig(cell);
    try {
      await rig.#build();
      return rig;
    } catch (error) {
      await rig[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #build(): Promise<void> {
    const { cell } = this;
    await cell.bind(cell.tools.labtool, '/run/labtool');
    const quiet = {
      'net.ipv6.conf.all.accept_dad': 0,
      'net.ipv6.conf.default.accept_dad': 0,
      'net.ipv6.conf.default.accept_ra': 0,
      'net.ipv4.conf.all.rp_filter': 0,
      'net.ipv4.conf.default.rp_filter': 0,
    };
    await cell.sysctl({
      ...quiet,
      'net.ipv4.ip_forward': 1,
      'net.ipv6.conf.all.forwarding': 1,
      'net.ipv4.conf.all.send_redirects': 0,
      'net.ipv4.conf.default.send_redirects': 0,
    });
    const here = ['link set lo up'];
    const inside = new Map<Node, string[]>();
    (['br-one', 'br-two'] as const).forEach((bridge, index) => {
      here.push(
        `link add ${bridge} address ${macOf(0x11 + index)} type bridge mcast_snooping 0`,
        `link set ${bridge} up`,
      );
    });
    nodeNames.forEach((name, index) => {
      const { bridge, port, v4, v6 } = nodes[name];
      const lines = [
        'link set lo up',
        'link set eth0 up',
        `addr add ${v4}/24 dev eth0`,
        `addr add ${v6}/64 dev eth0 nodad`,
      ];
      here.push(`netns add ${name}`);
      here.push(
        `link add ${port} address ${macOf(0x41 + index)} type veth peer name eth0 address ${macOf(0x21 + index)} netns ${name}`,
      );
      here.push(...(bridge === null ? [] : [`link set ${port} master ${bridge}`]), `link set ${port} up`);
      const gateway = own[bridge ?? 'eth0'];
      lines.push(`route add default via ${gateway.v4}`, `route add default via ${gateway.v6}`);
      const theirs = bridge === null ? macOf(0x41 + index) : macOf(bridge === 'br-one' ? 0x11 : 0x12);
      lines.push(`neigh add ${gateway.v4} lladdr ${theirs} dev eth0 nud permanent`);
      lines.push(`neigh add ${gateway.v6} lladdr ${theirs} dev eth0 nud permanent`);
      nodeNames.forEach((other, at) => {
        if (other === name || nodes[other].bridge !== bridge) return;
        for (const address of [nodes[other].v4, nodes[other].v6])
          lines.push(`neigh add ${address} lladdr ${macOf(0x21 + at)} dev eth0 nud permanent`);
      });
      if (name === 'lan')
        lines.push(
          'route add local 10.0.0.0/8 dev lo',
          ...far.v6.map((address) => `addr add ${address}/128 dev lo nodad`),
        );
      inside.set(name, lines);
      for (const address of [v4, v6])
        here.push(`neigh add ${address} lladdr ${macOf(0x21 + index)} dev ${bridge ?? 'eth0'} nud permanent`);
    });
    for (const [name, { v4, v6 }] of Object.entries(own)) {
      here.push(`addr add ${v4}/24 dev ${name}`, `addr add ${v6}/64 dev ${name} nodad`);
    }
    here.push(`route add default via ${nodes.lan.v4}`, `route add default via ${nodes.lan.v6}`);
    const isNeighbour = (line: string) => line.startsWith('neigh');
    const ordered = [...here.filter((line) => !isNeighbour(line)), ...here.filter(isNeighbour)];
    await cell.must(['ip', '-batch', '-'], { input: `${ordered.join('\n')}\n` });
    for (const [netns, lines] of inside) {
      await cell.sysctl(quiet, { netns });
      await cell.must(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n`, netns });
    }
    const places: readonly (readonly [Sender, string | undefined])[] = [
      ['host', undefined],
      ...nodeNames.map((name) => [name, name] as const),
    ];
    const ports = served.map(String);
    for (const [name, netns] of places) {
      const server = cell.spawn(['/run/labtool', 'serve', 'tcp', ...ports, 'udp', ...ports], { netns });
      server.stdout.resume();
      server.stderr.resume();
      this.#observers.set(
        name,
        await Observer.open(name, cell, netns === undefined ? 'input' : 'eth0', netns === undefined ? {} : { netns }),
      );
      this.#agents.set(name, new Agent(name, cell.spawn(['/run/labtool', 'agent'], { netns })));
      await until(`servers of ${name}`, async () => {
        const listening = await cell.must(['ss', '-Hltn'], { netns });
        return ports.every((port) => new RegExp(`:${port}\\s`).test(listening)) ? true : undefined;
      });
    }
  }

  async bridgeNetfilter(on: boolean): Promise<void> {
    const value = on ? 1 : 0;
    await this.cell.sysctl({
      'net.bridge.bridge-nf-call-iptables': value,
      'net.bridge.bridge-nf-call-ip6tables': value,
    });
  }

  /** Sends probes at once, and tells what arrived of each. */
  async send(probes: readonly Probe[]): Promise<readonly Seen[]> {
    for (const observer of this.#observers.values()) observer.clear();
    const since = Date.now() * 1000 - 1000;
    const sent = await Promise.all(
      probes.map(async ({ from, to, proto, port }) => {
        const [token, sport] = [freshToken(), freshSport()];
        const agent = this.#agents.get(from);
        if (agent === undefined) throw new Error(`nobody sends from ${from}`);
        const answer = await agent.ask({ proto, to, port, timeout: 250 }, token, sport);
        return { answer: answer.outcome, token, sport: answer.sport, from, proto };
      }),
    );
    await Promise.all([...this.#observers.values()].map((observer) => observer.sync()));
    return sent.map(({ answer, token, sport, from, proto }) => {
      let arrived: Seen['arrived'] = null;
      for (const [at, observer] of this.#observers) {
        if (at === from && from !== 'host') continue;
        const packets = observer.ofProbe(token, proto === 'tcp' ? sport : undefined, since);
        const packet = packets.find((one) => isFirst(one, proto, sport));
        // an answer has the token too, and may be led astray
        if (packet !== undefined && (arrived === null || packet.t < arrived.packet.t)) arrived = { at, packet };
      }
      return { arrived, answer, sport };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const observer of this.#observers.values()) observer.stop();
    for (const agent of this.#agents.values()) agent.stop();
    await this.cell.stop();
    await removeCgroups([this.cell.name]);
  }
}

/** Whether a packet goes the way of the probe, and not back. */
function isFirst(packet: Packet, proto: Probe['proto'], sport: number): boolean {
  if (packet.to === 'out' || packet.to === 'other') return false;
  if (proto === 'icmp') return packet.type === 8 || packet.type === 128;
  if (packet.proto !== (proto === 'tcp' ? 6 : 17)) return false;
  return packet.dport !== sport && (proto !== 'tcp' || packet.flags === undefined || !packet.flags.includes('A'));
}
