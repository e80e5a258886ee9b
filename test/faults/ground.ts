/**
 * Where faults happen: a Docker host with two Compose projects. Nothing touches `steady`; `churn` is what is taken down,
 * brought up and moved, and its containers' very program is the sender, from its first instruction to its last.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from '../../lab/daemon.ts';
import { until } from '../../lab/exec.ts';
import { firstCommand, firstImage } from '../../lab/first.ts';
import { ObserverOverrun } from '../../lab/observer.ts';
import { freshToken } from '../../lab/probe.ts';
import { EngineRelay } from '../../lab/relay.ts';
import type { Engine } from '../../lab/roots.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { starters, startersPolicy } from '../../lab/starters.ts';
import type { BackendName } from '../../src/enforce/backend.ts';
import { type Course, type Flow, type Outcome, outcomes, rate, steadyFlow, tallied } from './senders.ts';

export interface GroundOptions {
  readonly engine: Engine;
  readonly liveRestore?: boolean | undefined;
  /** The daemon talks to the engine through a relay. */
  readonly relayed?: boolean | undefined;
  readonly unknownBridge?: 'allow' | 'deny' | undefined;
  /** In what the daemon holds the rules; nftables unless told. */
  readonly backend?: BackendName | undefined;
}

export const policyPath = '/etc/sluice/policy.yaml';

/** What the policy allows is the same in both texts; everything else differs. */
function policies(unknownBridge: 'allow' | 'deny'): readonly [string, string] {
  const churn = 'allow: ["internet:1-65535/udp"]';
  return [
    `version: 1
defaults: { unknown-bridge: ${unknownBridge} }
projects:
  steady:
    allow: none
    services:
      one: { allow: [internet, "service/two:9200/udp"] }
      two: { allow: [internet] }
  churn: { ${churn} }
  ${starters.project}: ${startersPolicy}
`,
    `version: 1
defaults: { unknown-bridge: ${unknownBridge}, denied: drop }
groups: { partners: [10.0.0.0/24, "[fd00:10::/64]"] }
guardrails: { deny: [cloud-metadata] }
projects:
  steady:
    allow: ["partners:443", "192.168.5.5:22"]
    services:
      one: { allow: ["internet:1-65535/tcp+udp", "network/steady_default:9200/udp"] }
      two: { allow: ["internet:1-65535/udp"] }
  churn: { ${churn} }
  ${starters.project}: ${startersPolicy}
containers: { "legacy-*": { allow: [dns, host] } }
`,
  ];
}

const steady = `version: '3'
services:
  one: { image: lab/app, restart: always }
  two: { image: lab/app, restart: always }
networks:
  default:
    enable_ipv6: true
    ipam: { config: [{ subnet: 172.20.0.0/16 }, { subnet: "fd00:172:20::/64" }] }
`;

/** One set of streams, with or without Sluice. */
interface Run {
  readonly token: string;
  readonly folder: string;
  readonly flows: readonly Flow[];
  readonly counted: Outcome[];
}

/** The machine was too busy to see everything; what was seen until then did happen. */
export class Overlooked extends Error {
  override readonly name = 'Overlooked';
  readonly seen: readonly Outcome[];

  constructor(message: string, seen: readonly Outcome[]) {
    super(message);
    this.seen = seen;
  }
}

export class Ground implements AsyncDisposable {
  readonly site: Site;
  readonly engine: Engine;
  readonly relay: EngineRelay | null;
  readonly backend: BackendName;
  readonly policies: readonly [string, string];
  /** Runs from `protect` on. */
  daemon: Daemon | null = null;
  #run: Run | null = null;
  #runs = 0;
  #net = 30;

  private constructor(site: Site, relay: EngineRelay | null, options: GroundOptions) {
    this.site = site;
    this.engine = options.engine;
    this.backend = options.backend ?? 'nftables';
    this.relay = relay;
    this.policies = policies(options.unknownBridge ?? 'allow');
  }

  static async open(options: GroundOptions): Promise<Ground> {
    const site = await openSite({ engine: options.engine, liveRestore: options.liveRestore });
    try {
      const { host } = site;
      await host.image(firstImage);
      await host.compose('steady', steady, 'up', '-d');
      return new Ground(site, options.relayed ? await EngineRelay.open(host.cell) : null, options);
    } catch (error) {
      await site.stop();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.site.stop();
  }

  /** Puts a policy on the host and starts the daemon. */
  async protect(): Promise<void> {
    this.site.host.write(policyPath, this.policies[0]);
    await this.startDaemon();
  }

  async startDaemon(options: { impatient?: boolean } = {}): Promise<Daemon> {
    const args = [...(this.relay === null ? [] : ['--host', this.relay.address]), '--backend', this.backend];
    this.daemon = await this.site.host.daemon({ args, ...options });
    return this.daemon;
  }

  /** Tells the daemon to read its policy again, and waits until what the files say is in force. */
  async reloaded(): Promise<void> {
    const daemon = this.daemon;
    if (daemon === null) return;
    daemon.signal('SIGHUP');
    const inForce = async () => ((await daemon.status()).filesDiffer === false ? true : undefined);
    await until('the new policy in force', inForce, 30_000, 5);
  }

  // The project that is taken down and brought up

  /** Moves `churn` to subnets that no network had before, from its next start on. */
  moveChurn(): void {
    this.#net = this.#net >= 250 ? 30 : this.#net + 1;
  }

  /** Runs Compose on `churn`. */
  churn(...args: string[]): Promise<string> {
    return this.site.host.compose('churn', this.#churnFile(), ...args);
  }

  /** Down and up again. */
  async restartChurn(): Promise<void> {
    await this.#removeChurn();
    await this.churn('up', '-d');
  }

  /** Its containers, those started by hand among them, and its network. */
  async #removeChurn(): Promise<void> {
    const { host } = this.site;
    const ids = await host.docker('ps', '-aq', '--filter', 'label=com.docker.compose.project=churn');
    if (ids !== '') await host.docker('rm', '-f', ...ids.split('\n'));
    await this.churn('down', '-t', '0');
  }

  #churnFile(): string {
    const { token, folder } = this.#running;
    const service = (name: string, to: readonly [string, string]) => {
      const targets = to.map((address) => ({ to: address, port: 4000 }));
      const spec = { to: targets, token: tokenOf(token, name), rate, rounds: 1e9, tally: `/tally/${name}` };
      return `  ${name}: { image: lab/first, restart: always, volumes: ["${folder}:/tally"], command: ${JSON.stringify(firstCommand(spec))} }\n`;
    };
    const { internet, private: lan, ten } = this.site;
    return `version: '3'
services:
${service('four', [internet.v4, lan.v4])}${service('six', [internet.v6, ten.v6])}networks:
  default:
    enable_ipv6: true
    ipam: { config: [{ subnet: 172.22.${this.#net}.0/24 }, { subnet: "fd00:172:${this.#net}::/64" }] }
`;
  }

  get #running(): Run {
    if (this.#run === null) throw new Error('no streams run');
    return this.#run;
  }

  /** A container that sends like `churn`'s, and counts like them, started by hand on one of its networks. */
  async runAside(name: string, options: readonly string[] = []): Promise<void> {
    const { folder, token } = this.#running;
    const { internet, private: lan } = this.site;
    const to = [internet.v4, lan.v4].map((address) => ({ to: address, port: 4000 }));
    const spec = { to, token: tokenOf(token, 'four'), rate, rounds: 1e9, tally: `/tally/four.${name}` };
    const labels = ['--label', 'com.docker.compose.project=churn', '--label', 'com.docker.compose.service=four'];
    const run = ['run', '-d', '--rm', '--name', name, '--network', 'churn_default', '-v', `${folder}:/tally`];
    const start = () => this.site.host.docker(...run, ...labels, ...options, 'lab/first', ...firstCommand(spec));
    await start().catch(start); // runc itself fails once in a while on a busy machine: "read init-p: connection reset"
  }

  // Streams

  /**
   * Streams run while `disturb` does, and for at least `seconds`.
   *
   * @throws Overlooked when the machine was too busy to see everything; then nothing runs any more
   */
  async during(seconds: number, disturb: () => Promise<void>): Promise<readonly Outcome[]> {
    const started = Date.now();
    try {
      await this.#start();
      await disturb();
      await sleep(Math.max(0, started + seconds * 1000 - Date.now()));
      await this.#recovered();
      const { counted, flows } = this.#running;
      await this.#removeChurn();
      return [...(await outcomes(flows)), ...counted];
    } catch (error) {
      if (error instanceof ObserverOverrun) {
        const { counted, flows } = this.#running;
        const seen: Outcome[] = [];
        for (const flow of flows) {
          const { name, permitted, sender } = flow;
          seen.push({ name, permitted, sender, sent: await flow.end(), arrived: flow.arrivedAtLeast() });
        }
        await this.#removeChurn();
        throw new Overlooked(error.message, [...seen, ...counted]);
      }
      throw error;
    } finally {
      this.#run = null;
      for (const { observer } of this.#observers()) observer.clear();
    }
  }

  /** Adds what a fault has sent and counted by itself to the run's streams. */
  count(own: { readonly name: string; sent: number; allowed: number; denied: number }): void {
    const { name, sent } = own;
    this.#running.counted.push(
      { name: `${name}, allowed`, permitted: true, sender: 'own', sent, arrived: own.allowed },
      { name: `${name}, denied`, permitted: false, sender: 'own', sent, arrived: own.denied },
    );
  }

  async #start(): Promise<void> {
    const token = freshToken();
    const folder = `/srv/tally/${++this.#runs}`;
    this.site.host.write(`${folder}/.keep`, '');
    const { internet } = this.site;
    const churn = ['four', 'six'].flatMap((name) =>
      tallied(this.site, { name, token: tokenOf(token, name), folder, allowed: internet.observer }),
    );
    this.#run = { token, folder, flows: [], counted: [] };
    await this.churn('up', '-d');
    const steadily = await Promise.all((await this.#courses()).map((course) => steadyFlow(this.site, course)));
    this.#run = { token, folder, flows: [...steadily, ...churn], counted: [] };
    await this.#arriving(this.#running.flows.filter(({ permitted }) => permitted));
    await sleep(200); // the denied ones have begun by then, too
  }

  async #courses(): Promise<readonly Course[]> {
    const { host, internet, private: lan, ten } = this.site;
    const [two, own] = [(await host.container('steady/two')).addresses[0], await host.observer('host')];
    const neighbour = await host.observer('steady/two');
    const course = (name: string, permitted: boolean, from: string, to: string, port: number, at = lan.observer) => ({
      name,
      permitted,
      from: `steady/${from}`,
      to,
      port,
      at,
    });
    return [
      course('internet v4', true, 'one', internet.v4, 4000, internet.observer),
      course('internet v6', true, 'two', internet.v6, 4000, internet.observer),
      course('neighbour v4', true, 'one', two?.v4 ?? '', 9200, neighbour),
      course('private v4', false, 'one', lan.v4, 4000),
      course('private v6', false, 'two', ten.v6, 4000, ten.observer),
      course('neighbour v6', false, 'one', two?.v6 ?? '', 9201, neighbour),
      course('host v4', false, 'two', '172.20.0.1', 9201, own),
    ];
  }

  /** After whatever was done `churn` runs, and what it may send arrives again. */
  async #recovered(): Promise<void> {
    await this.churn('up', '-d');
    await this.#arriving(this.#running.flows.filter(({ permitted, sender }) => permitted && sender === 'churn'));
  }

  /** Waits until packets of all these arrive from now on. */
  async #arriving(flows: readonly Flow[]): Promise<void> {
    const count = () => Promise.all(flows.map((flow) => flow.arrived()));
    const before = await count();
    const end = Date.now() + 20_000;
    for (;;) {
      await sleep(100);
      const now = await count();
      const silent = flows.filter((_, index) => now[index] === before[index]);
      if (silent.length === 0) return;
      if (Date.now() > end) throw new Error(`nothing arrives of ${silent.map(({ name }) => name).join(', ')}`);
    }
  }

  *#observers() {
    for (const place of ['internet', 'private', 'ten'] as const) yield this.site.far(place);
  }
}

/** Tokens of one run that differ by service. */
function tokenOf(token: string, name: string): string {
  return `${token.slice(0, -1)}${name === 'four' ? '4' : '6'}`;
}
