/** A Docker host: a cell with one of the real engines in it, its containers, and what they send. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Cell } from './cell.ts';
import { type Container, ContainerHost } from './container-host.ts';
import type { EngineOptions } from './engine-host.ts';
import { failure } from './exec.ts';
import { Observer } from './observer.ts';
import { Agent, type Answer, freshSport, freshToken, type Probe, type ProbeSpec } from './probe.ts';
import { checkEngine, ensureRoot } from './roots.ts';
import { Stream, type StreamSpec, streamArgs } from './stream.ts';
import type { Tools } from './tools.ts';

/**
 * How `sendFrames` sends: interface (eth0), rounds (1), microseconds between rounds (1000). `offload`: whoever sends the
 * frame at last is to fill in a checksum of what is behind byte `start` of the frame, `offset` bytes behind that.
 */
export interface FrameOptions {
  iface?: string | undefined;
  count?: number | undefined;
  interval?: number | undefined;
  offload?: { readonly start: number; readonly offset: number } | undefined;
}

export { checkout } from './machine.ts';

const inContainer = '/labtool';
/** As many frames as `labtool raw` takes. */
const framesAtOnce = 256;

export class Host extends ContainerHost {
  readonly #agents = new Map<string, Agent>();
  readonly #observers = new Map<string, { observer: Observer; pid: number }>();
  readonly #far: () => Iterable<Observer>;

  private constructor(cell: Cell, options: EngineOptions, far: () => Iterable<Observer>) {
    super(cell, options);
    this.#far = far;
  }

  /** Opens the cell. The engine is started by `startEngine`, once the network is there. */
  static async open(options: EngineOptions, tools: Tools, far: () => Iterable<Observer>): Promise<Host> {
    const cell = await Cell.open(await ensureRoot(options.engine), 'dockerhost', tools);
    const host = new Host(cell, options, far);
    await cell.bind(tools.labtool, '/run/labtool');
    cell.write('/etc/hostname', 'dockerhost\n');
    cell.write('/etc/hosts', '127.0.0.1 localhost dockerhost\n::1 localhost\n');
    cell.write('/etc/resolv.conf', 'nameserver 192.168.100.2\n');
    await cell.sysctl({
      'net.ipv4.ip_forward': 1,
      'net.ipv6.conf.all.forwarding': 1,
      'net.ipv6.conf.default.forwarding': 1,
      // A new bridge's gateway would be tentative, and IPv6 silent, for a second or two.
      'net.ipv6.conf.all.accept_dad': 0,
      'net.ipv6.conf.default.accept_dad': 0,
    });
    const said = await cell.must(['dockerd', '--version']);
    checkEngine(options.engine, said);
    return host;
  }

  /**
   * The observer in a container's network (frames as they arrive there), or, for `host`, the one that sees what the
   * host's input hooks let through. Started at first use.
   */
  async observer(who: string): Promise<Observer> {
    if (who === 'host') return this.#observe('host', 'host', 0);
    const { id, name, pid } = await this.container(who);
    return this.#observe(id, name, pid);
  }

  async #observe(key: string, name: string, pid: number): Promise<Observer> {
    const known = this.#observers.get(key);
    if (known?.observer.alive && known.pid === pid) return known.observer;
    known?.observer.stop();
    const observer =
      pid === 0
        ? await Observer.open(name, this.cell, 'input')
        : await Observer.open(name, this.cell, 'any', { inside: pid });
    this.#observers.set(key, { observer, pid });
    return observer;
  }

  /** Sends one probe from a container (name, id, `project/service`) or from `host`, and asks the observers. */
  async probe(from: string, spec: ProbeSpec): Promise<Probe> {
    const [probe] = await this.probeMany([{ from, ...spec }]);
    return probe as Probe;
  }

  /** Sends many probes, those of one sender up to 64 at once, and asks the observers when all are done. */
  async probeMany(specs: readonly (ProbeSpec & { from: string })[]): Promise<Probe[]> {
    const running = await this.containers();
    const senders = new Map<string, { key: string; agent: Agent }>();
    const way = ({ from, outside }: { from: string; outside?: boolean | undefined }) => `${from} ${outside ?? false}`;
    for (const spec of specs) {
      if (senders.has(way(spec))) continue;
      if (spec.from === 'host') senders.set(way(spec), { key: 'host', agent: this.#agent('host', 0, false) });
      else {
        const { id, pid } = await this.container(spec.from);
        senders.set(way(spec), { key: id, agent: this.#agent(id, pid, spec.outside ?? false) });
      }
    }
    await this.#watch(specs, running);
    return this.judge(specs, (spec) => {
      const sender = senders.get(way(spec));
      if (sender === undefined) throw new Error(`no sender ${spec.from}`);
      return sender;
    });
  }

  /** Runs probes on the agents that `sender` names and asks all observers of the site; for probes from anywhere. */
  async judge(
    specs: readonly (ProbeSpec & { from: string })[],
    sender: (spec: ProbeSpec & { from: string }) => { key: string; agent: Agent },
  ): Promise<Probe[]> {
    const asked = await Promise.all(
      specs.map(async (spec) => {
        const token = freshToken();
        const sport = spec.sport ?? freshSport();
        const { key, agent } = sender(spec);
        const since = Date.now() * 1000 - 1000;
        return { spec, key, token, since, answer: await agent.ask(spec, token, sport) };
      }),
    );
    // Whoever waited for an answer gave the packet its time; who did not gives it some now.
    if (specs.some(({ timeout }) => timeout === 0)) await sleep(50);
    const hostObservers = [...this.#observers].map(([key, { observer }]) => ({ key, observer }));
    const observers = [...[...this.#far()].map((observer) => ({ key: observer.name, observer })), ...hostObservers];
    const judged = async () => {
      await Promise.all(observers.map(({ observer }) => observer.sync()));
      return asked.map(({ spec, key, token, since, answer }) => {
        const tcp = (spec.proto ?? 'tcp') === 'tcp' ? answer.sport : undefined;
        const hits = observers
          .filter((each) => each.key !== key)
          .map(({ observer }) => ({ name: observer.name, packets: observer.ofProbe(token, tcp, since) }))
          .filter(({ packets }) => packets.length > 0);
        return result(spec, token, answer, hits);
      });
    };
    let probes = await judged();
    const spokenTo = () => probes.some(({ outcome, arrived }) => outcome === 'answered' && !arrived);
    // A server that speaks unasked "answers" before the probe has left: it may still wait for its neighbour's MAC, which is
    // asked for once a second (ip-sysctl, retrans_time_ms).
    for (let waits = 0; waits < 10 && spokenTo(); waits++) {
      await sleep(200);
      probes = await judged();
    }
    return probes;
  }

  /** Starts a steady sender in a container or on `host`. Its packets carry the stream's token. */
  async stream(from: string, spec: StreamSpec): Promise<Stream> {
    const token = freshToken();
    if (from === 'host') return new Stream(token, this.spawn(['/run/labtool', ...streamArgs(spec, token)]));
    if (!spec.outside) return new Stream(token, await this.spawnIn(from, [inContainer, ...streamArgs(spec, token)]));
    const { pid } = await this.container(from);
    const labtool = '/run/labtool';
    return new Stream(token, this.spawn([labtool, 'netns', String(pid), '--', labtool, ...streamArgs(spec, token)]));
  }

  /** Sends frames (see frames.ts) from a container's interface, with that container's own capabilities. */
  async sendFrames(from: string, frames: readonly Uint8Array[], options: FrameOptions = {}): Promise<void> {
    for (let at = 0; at < frames.length; at += framesAtOnce)
      await this.#send(from, frames.slice(at, at + framesAtOnce), options);
  }

  async #send(from: string, frames: readonly Uint8Array[], options: FrameOptions): Promise<void> {
    const input = frames.map((frame) => Buffer.from(frame).toString('hex')).join('\n');
    const timing = ['--count', String(options.count ?? 1), '--interval', String(options.interval ?? 1000)];
    if (options.offload !== undefined) timing.push('--offload', `${options.offload.start}:${options.offload.offset}`);
    const done = await this.exec(from, [inContainer, 'raw', options.iface ?? 'eth0', ...timing], { input });
    if (done.code !== 0) throw failure(['labtool', 'raw'], done);
  }

  #agent(id: string, pid: number, outside: boolean): Agent {
    const key = `${id} ${outside ? pid : ''}`;
    const known = this.#agents.get(key);
    if (known?.alive) return known;
    const labtool = '/run/labtool';
    const command =
      id === 'host'
        ? [labtool, 'agent']
        : outside
          ? [labtool, 'netns', String(pid), '--', labtool, 'agent']
          : ['docker', 'exec', '-i', id, inContainer, 'agent'];
    const agent = new Agent(id.slice(0, 12), this.spawn(command));
    this.#agents.set(key, agent);
    return agent;
  }

  /** Sees to it that whoever owns a destination on this host is observed. */
  async #watch(specs: readonly ProbeSpec[], running: readonly Container[]): Promise<void> {
    await this.#observe('host', 'host', 0);
    for (const [key, { observer }] of this.#observers) {
      const owner = running.find(({ id }) => id === key);
      if (owner !== undefined) await this.#observe(key, owner.name, owner.pid);
      else if (key !== 'host') {
        observer.stop();
        this.#observers.delete(key);
      }
    }
    const far = new Set([...this.#far()].map((observer) => observer.name));
    const owners = new Map(
      running.flatMap((c) => c.addresses.flatMap((a) => [a.v4, a.v6].map((ip) => [ip, c] as const))),
    );
    let all = far.size === 0;
    const some = new Set<Container>();
    let local: Set<string> | undefined;
    for (const { to } of specs) {
      const owner = owners.get(to);
      if (owner !== undefined) some.add(owner);
      else if (/^(22[4-9]|23\d|255)\.|\.255$|^ff|^fe80/i.test(to)) all = true;
      else {
        local ??= await this.#addresses();
        // A published port may lead to any container.
        if (local.has(to)) all = true;
      }
    }
    await Promise.all(
      (all ? running : [...some]).filter(({ pid }) => pid > 0).map((c) => this.#observe(c.id, c.name, c.pid)),
    );
  }

  async #addresses(): Promise<Set<string>> {
    const links = JSON.parse(await this.must(['ip', '-json', 'addr', 'show'])) as { addr_info: { local?: string }[] }[];
    return new Set(
      links.flatMap((link) => link.addr_info.flatMap((info) => (info.local === undefined ? [] : [info.local]))),
    );
  }

  /** Ends the host and everything on it. */
  async stop(): Promise<void> {
    await this.cell.stop();
  }
}

function result(
  spec: ProbeSpec & { from: string },
  token: string,
  answer: Answer,
  hits: { name: string; packets: Probe['packets'] }[],
): Probe {
  return {
    ...answer,
    from: spec.from,
    spec,
    token,
    arrived: hits.length > 0,
    at: hits.map(({ name }) => name),
    packets: hits.flatMap(({ packets }) => packets),
  };
}
