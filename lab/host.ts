/** A Docker host: a cell with one of the real engines in it. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseDocument } from 'yaml';
import { Cell, type Place } from './cell.ts';
import { ended, type Finished, failure, type RunOptions, until } from './exec.ts';
import { appImage, type ImageSpec, imageTar, importArgs } from './images.ts';
import { Observer } from './observer.ts';
import { Agent, type Answer, freshSport, freshToken, type Probe, type ProbeSpec } from './probe.ts';
import { checkEngine, type Engine, ensureRoot } from './roots.ts';
import { Stream, type StreamSpec, streamArgs } from './stream.ts';
import type { Tools } from './tools.ts';
import { hostAddress } from './world.ts';

export interface HostOptions {
  engine: Engine;
  /** net.bridge.bridge-nf-call-iptables and -ip6tables: true (1) unless told. */
  brNetfilter?: boolean | undefined;
  /** docker-proxy for published ports: true, as Docker has it, unless told. */
  userlandProxy?: boolean | undefined;
  /** Docker's own IPv6 rules and masquerade: true unless told (up to 26.1 Docker itself has false). */
  ip6tables?: boolean | undefined;
  /** dockerd --live-restore; false unless told. */
  liveRestore?: boolean | undefined;
  /** dockerd --dns. The host's own resolver is the lab's DNS server in any case. */
  dns?: readonly string[] | undefined;
  /** More arguments for dockerd. */
  dockerd?: readonly string[] | undefined;
  /** Environment of dockerd. */
  env?: Record<string, string> | undefined;
  /** Do not start the engine; `startEngine()` does it. */
  stopped?: boolean | undefined;
}

/** A container as the engine lists it. Addresses by network name. */
export interface Container {
  id: string;
  name: string;
  project: string | undefined;
  service: string | undefined;
  /** PID of its first process, as the host numbers it. */
  pid: number;
  addresses: { network: string; v4: string; v6: string; mac: string }[];
}

interface Inspect {
  Id: string;
  Name: string;
  State: { Pid: number; Running: boolean };
  Config: { Labels: Record<string, string> | null };
  HostConfig: { PortBindings: Record<string, unknown> | null; PublishAllPorts: boolean; NetworkMode: string };
  NetworkSettings: {
    Networks: Record<string, { IPAddress: string; GlobalIPv6Address: string; MacAddress: string }> | null;
  };
}

/** How `sendFrames` sends: interface (eth0), rounds (1), microseconds between rounds (1000). */
export interface FrameOptions {
  iface?: string | undefined;
  count?: number | undefined;
  interval?: number | undefined;
}

export const checkout = join(import.meta.dirname, '..');
const socket = '/run/docker.sock';
const inContainer = '/labtool';

export class Host {
  readonly engine: Engine;
  readonly cell: Cell;
  readonly v4: string = hostAddress.v4;
  readonly v6: string = hostAddress.v6;
  readonly #options: HostOptions;
  readonly #agents = new Map<string, Agent>();
  readonly #observers = new Map<string, { observer: Observer; pid: number }>();
  #far: () => Iterable<Observer> = () => [];
  #dockerd: ChildProcessWithoutNullStreams | undefined;

  private constructor(cell: Cell, options: HostOptions) {
    this.cell = cell;
    this.engine = options.engine;
    this.#options = options;
  }

  /** Opens the cell. The engine is started by `startEngine`, once the network is there. */
  static async open(options: HostOptions, tools: Tools, far: () => Iterable<Observer>): Promise<Host> {
    const cell = await Cell.open(await ensureRoot(options.engine), 'dockerhost', tools);
    const host = new Host(cell, options);
    host.#far = far;
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

  // Programs and files

  /** Runs a command on the host to its end; never throws for a bad exit. */
  run(command: readonly string[], options: RunOptions & Place = {}): Promise<Finished> {
    return this.cell.run(command, options);
  }

  /** Runs a command on the host; throws when it ends badly. Returns its standard output. */
  must(command: readonly string[], options: RunOptions & Place = {}): Promise<string> {
    return this.cell.must(command, options);
  }

  /** Starts a command on the host. */
  spawn(command: readonly string[], options: { env?: Record<string, string> } = {}): ChildProcessWithoutNullStreams {
    return this.cell.spawn(command, options);
  }

  /** Writes a file on the host, with the folders on its way. */
  write(path: string, text: string | Uint8Array, mode = 0o644): void {
    this.cell.write(path, text, mode);
  }

  read(path: string): string {
    return this.cell.read(path);
  }

  /** Sets kernel keys of the host's network. */
  sysctl(values: Record<string, string | number>): Promise<void> {
    return this.cell.sysctl(values);
  }

  /** Loads rules with the host's own nft; throws with nft's words. Returns its output. */
  nft(text: string): Promise<string> {
    return this.must(['nft', '-f', '-'], { input: text });
  }

  /** Shows a file or folder of the machine on the host, read-only unless told. */
  bind(machinePath: string, inside: string, mode: 'ro' | 'rw' = 'ro'): Promise<void> {
    return this.cell.bind(machinePath, inside, mode);
  }

  #bound = false;
  /** Runs the checkout's `dist/sluice` on the host, as /opt/sluice/dist/sluice. Build first. */
  async sluice(...args: string[]): Promise<Finished> {
    return this.run(await this.sluiceCommand(...args));
  }

  /** The command `sluice` runs, for spawn and for options; sees to it that the checkout is visible on the host. */
  async sluiceCommand(...args: string[]): Promise<string[]> {
    if (!this.#bound) {
      if (!existsSync(join(checkout, 'dist/sluice'))) throw new Error('dist/sluice is not built: npm run build');
      await this.bind(join(checkout, 'dist'), '/opt/sluice/dist');
      await this.bind(join(checkout, 'node_modules'), '/opt/sluice/node_modules');
      this.#bound = true;
    }
    return ['/opt/sluice/dist/sluice', ...args];
  }

  // The engine

  /** Starts dockerd and waits until it answers; then sets br_netfilter, which 20.10 and 26.1 turn on themselves. */
  async startEngine(): Promise<void> {
    const o = this.#options;
    const args = [
      '-H',
      `unix://${socket}`,
      '--pidfile',
      '/run/docker.pid',
      '--exec-opt',
      'native.cgroupdriver=cgroupfs',
    ];
    if (o.userlandProxy === false) args.push('--userland-proxy=false');
    if (this.engine === '28.5') args.push(`--ip6tables=${o.ip6tables ?? true}`);
    else if (o.ip6tables ?? true) args.push('--experimental', '--ip6tables');
    if (o.liveRestore) args.push('--live-restore');
    for (const server of o.dns ?? []) args.push('--dns', server);
    const dockerd = this.cell.spawn(['dockerd', ...args, ...(o.dockerd ?? [])], { env: o.env });
    let log = '';
    const keep = (data: Buffer) => {
      log = (log + data).slice(-200_000);
    };
    dockerd.stdin.end();
    dockerd.stdout.on('data', keep);
    dockerd.stderr.on('data', keep);
    this.#dockerd = dockerd;
    this.engineLog = () => log;
    await until(
      'dockerd',
      async () => {
        if (dockerd.exitCode !== null || dockerd.signalCode !== null)
          throw new Error(`dockerd ended: ${log.slice(-3000)}`);
        try {
          return (await this.api('/_ping')) === 'OK' ? true : undefined;
        } catch {
          return undefined;
        }
      },
      60_000,
      15,
    );
    await this.setBrNetfilter(o.brNetfilter ?? true);
  }

  /** What dockerd has logged since its last start (the last 200,000 characters). */
  engineLog: () => string = () => '';

  /** Sets whether frames between neighbours on one bridge pass the host's IP hooks. An engine start turns it on. */
  async setBrNetfilter(on: boolean): Promise<void> {
    const value = on ? 1 : 0;
    const bridge = 'net.bridge.bridge-nf-call-';
    await this.sysctl({ [`${bridge}iptables`]: value, [`${bridge}ip6tables`]: value, [`${bridge}arptables`]: value });
  }

  /** Ends dockerd with SIGTERM and waits. */
  async stopEngine(): Promise<void> {
    await this.#endEngine('SIGTERM');
  }

  /** Ends dockerd with SIGKILL and waits. */
  async killEngine(): Promise<void> {
    await this.#endEngine('SIGKILL');
  }

  async restartEngine(): Promise<void> {
    await this.stopEngine();
    await this.startEngine();
  }

  async #endEngine(signal: NodeJS.Signals): Promise<void> {
    const dockerd = this.#dockerd;
    if (dockerd === undefined) return;
    // Killing our entrance kills dockerd (PDEATHSIG); SIGTERM is passed on.
    dockerd.kill(signal);
    await Promise.race([ended(dockerd), new Promise((resolve) => setTimeout(resolve, 30_000).unref())]);
    if (dockerd.exitCode === null && dockerd.signalCode === null) dockerd.kill('SIGKILL');
    this.#dockerd = undefined;
    await until('dockerd gone', async () =>
      (await this.run(['pgrep', '-x', 'dockerd'])).code === 1 ? true : undefined,
    );
    await this.run(['rm', '-f', '/run/docker.pid']);
  }

  /** GET on the engine's API: parsed JSON, or the text when it is none. Throws on a status of 400 and above. */
  api(path: string, method = 'GET', body?: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const options = {
        socketPath: this.cell.path(socket),
        path,
        method,
        timeout: 30_000,
        headers: { 'Content-Type': 'application/json' },
      };
      const call = request(options, (response) => {
        let text = '';
        response.on('data', (data) => {
          text += data;
        });
        response.on('end', () => {
          if ((response.statusCode ?? 500) >= 400)
            return reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
          try {
            resolve(JSON.parse(text));
          } catch {
            resolve(text);
          }
        });
      });
      call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer`)));
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Runs the Docker client; throws when it ends badly. Returns its output without the last newline. */
  async docker(...args: string[]): Promise<string> {
    return (await this.must(['docker', ...args], { timeout: 120_000 })).trimEnd();
  }

  /**
   * Runs Compose on a project: writes the text as its compose file and runs `docker compose -p PROJECT ARGS` (20.10:
   * docker-compose 1.29). Throws when it ends badly. Returns what it printed on both outputs.
   */
  async compose(project: string, yaml: string, ...args: string[]): Promise<string> {
    const file = `/srv/${project}/docker-compose.yml`;
    this.write(file, this.engine === '20.10' ? forCompose1(yaml) : yaml);
    const program = this.engine === '20.10' ? ['docker-compose'] : ['docker', 'compose'];
    const command = [...program, '-p', project, '-f', file, ...args];
    const done = await this.run(command, { cwd: `/srv/${project}`, timeout: 180_000 });
    if (done.code !== 0) throw failure(command, done);
    return done.stdout + done.stderr;
  }

  /** Makes an image of the lab's static tools. */
  async image(spec: ImageSpec): Promise<void> {
    const tar = await imageTar(this.cell.tools);
    const inside = '/run/lab-image.tar';
    if (!existsSync(this.cell.path(inside))) await this.bind(tar, inside);
    await this.must(['docker', 'import', ...importArgs(spec), inside, spec.name]);
  }

  /** `lab/app`, which every article service here runs. */
  appImage(): Promise<void> {
    return this.image(appImage);
  }

  // Containers

  #known: Container[] = [];

  /** All running containers; while no engine runs, those known last. */
  async containers(): Promise<Container[]> {
    if (this.#dockerd === undefined) return this.#known;
    const list = (await this.api('/containers/json')) as { Id: string }[];
    const found = await Promise.all(list.map(({ Id }) => this.#inspect(Id)));
    this.#known = found.filter((inspect) => inspect.State.Running).map(container);
    return this.#known;
  }

  /**
   * A running container by name, id, or `project/service[/number]`. Throws when there is none. While no engine runs the
   * answer is what `containers()` or a probe saw last, without numbers.
   */
  async container(who: string): Promise<Container> {
    if (this.#dockerd === undefined) {
      const known = this.#known.find((c) => c.id === who || c.name === who || `${c.project}/${c.service}` === who);
      if (known === undefined) throw new Error(`no engine runs, and no container ${who} is known`);
      return known;
    }
    if (!who.includes('/')) return container(await this.#inspect(who));
    const [project, service, number = '1'] = who.split('/');
    const labels = [`project=${project}`, `service=${service}`, `container-number=${number}`];
    const filters = JSON.stringify({ label: labels.map((label) => `com.docker.compose.${label}`) });
    const list = (await this.api(`/containers/json?filters=${encodeURIComponent(filters)}`)) as { Id: string }[];
    if (list[0] === undefined) throw new Error(`no running container ${who}`);
    return container(await this.#inspect(list[0].Id));
  }

  async #inspect(who: string): Promise<Inspect> {
    return (await this.api(`/containers/${encodeURIComponent(who)}/json`)) as Inspect;
  }

  /** Runs a command inside a container by `docker exec`; never throws for a bad exit. */
  async exec(who: string, command: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const { id } = await this.container(who);
    return this.run(['docker', 'exec', ...(options.input === undefined ? [] : ['-i']), id, ...command], options);
  }

  /** Starts a command inside a container by `docker exec -i`. */
  async spawnIn(who: string, command: readonly string[]): Promise<ChildProcessWithoutNullStreams> {
    const { id } = await this.container(who);
    return this.spawn(['docker', 'exec', '-i', id, ...command]);
  }

  /**
   * Runs one of the host's own programs in a container's network alone, from outside: with all capabilities, whatever the
   * container's are.
   */
  async inNetworkOf(who: string, command: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const { pid } = await this.container(who);
    return this.run(['/run/labtool', 'netns', String(pid), '--', ...command], options);
  }

  // Observers and probes

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
    const probes = await judged();
    if (!probes.some(({ outcome, arrived }) => outcome === 'answered' && !arrived)) return probes;
    // A server that speaks unasked "answers" before the probe has left: it may still wait for its neighbour's MAC.
    await sleep(200);
    return judged();
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
    const input = frames.map((frame) => Buffer.from(frame).toString('hex')).join('\n');
    const timing = ['--count', String(options.count ?? 1), '--interval', String(options.interval ?? 1000)];
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

function container(inspect: Inspect): Container {
  const labels = inspect.Config.Labels ?? {};
  return {
    id: inspect.Id,
    name: inspect.Name.slice(1),
    project: labels['com.docker.compose.project'],
    service: labels['com.docker.compose.service'],
    pid: inspect.State.Pid,
    addresses: Object.entries(inspect.NetworkSettings.Networks ?? {}).map(([network, at]) => ({
      network,
      v4: at.IPAddress,
      v6: at.GlobalIPv6Address,
      mac: at.MacAddress,
    })),
  };
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

/** Compose 1.29 reads `enable_ipv6` and the newer keys only in files without a version of 3. */
function forCompose1(yaml: string): string {
  const document = parseDocument(yaml);
  document.delete('version');
  return document.toString();
}
