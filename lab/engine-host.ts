/** The Docker host with its engine: dockerd started, stopped and killed, its API and its clients. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync } from 'node:fs';
import { parseDocument } from 'yaml';
import type { Cell } from './cell.ts';
import { ended, failure, until } from './exec.ts';
import { appImage, type ImageSpec, imageTar, importArgs } from './images.ts';
import { Machine } from './machine.ts';
import type { Engine } from './roots.ts';
import { callUnix } from './unix-http.ts';

export interface EngineOptions {
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

const socket = '/run/docker.sock';

export class EngineHost extends Machine {
  readonly engine: Engine;
  readonly #options: EngineOptions;
  #dockerd: ChildProcessWithoutNullStreams | undefined;

  constructor(cell: Cell, options: EngineOptions) {
    super(cell);
    this.engine = options.engine;
    this.#options = options;
  }

  /** Whether an engine runs that we have not stopped. */
  get engineRuns(): boolean {
    return this.#dockerd !== undefined;
  }

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

  /** A call on the engine's API: parsed JSON, or the text when it is none. Throws on a status of 400 and above. */
  api(path: string, method = 'GET', body?: unknown, timeout?: number): Promise<unknown> {
    return callUnix(this.cell.path(socket), path, { method, body, timeout });
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
}

/** Compose 1.29 reads `enable_ipv6` and the newer keys only in files without a version of 3. */
function forCompose1(yaml: string): string {
  const document = parseDocument(yaml);
  document.delete('version');
  return document.toString();
}
