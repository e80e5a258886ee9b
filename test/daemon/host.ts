import { expect, vi } from 'vitest';
import type { Repair } from '../../src/control/protocol.ts';
import { Daemon, type Handed } from '../../src/daemon/daemon.ts';
import type { FromGuard, ToGuard } from '../../src/daemon/guard/protocol.ts';
import { heldInNftables } from '../../src/daemon/held-in-nftables.ts';
import type { DaemonPorts, EnginePort, KernelPort, PolicyReading } from '../../src/daemon/ports.ts';
import { EngineError } from '../../src/docker/engine-error.ts';
import type { EngineNotice } from '../../src/docker/events.ts';
import type { Guarded } from '../../src/netlink/last-line.ts';
import type { SetElement } from '../../src/nftables/endpoint-elements.ts';
import { readPolicy } from '../../src/policy/read.ts';
import type { PolicyText } from '../../src/policy/yaml-text.ts';
import type { AppliedState } from '../../src/state/applied-state.ts';
import { StateError } from '../../src/state/part.ts';
import { digestOf, noPolicy, type PolicyState } from '../../src/state/policy-state.ts';
import type { Remembered } from '../../src/state/store.ts';
import type { World } from '../../src/world/world.ts';
import { buildWorld } from '../generate/build.ts';
import { town } from '../ruleset/support.ts';

export const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export function textsOf(allow: string): readonly PolicyText[] {
  const text = `version: 1\nprojects: { app: { allow: ${allow} } }\n`;
  return [{ path: '/etc/sluice/policy.yaml', text, role: 'policy', writableByOthers: false }];
}

export function filesOf(allow: string): Extract<PolicyReading, { kind: 'good' }> {
  const texts = textsOf(allow);
  const { policy } = readPolicy(texts, { now: Date.now() });
  if (policy === null) throw new Error('a bad fixture');
  return { kind: 'good', policy, texts, digest: digestOf(texts) };
}

/** A guard that does nothing but remember what it was told. */
export class FakeGuard {
  readonly told: ToGuard[] = [];
  stopped = false;
  readonly say: (message: FromGuard) => void;

  constructor(say: (message: FromGuard) => void) {
    this.say = say;
  }

  get plans() {
    return this.told.filter((message) => message.kind === 'plan');
  }
}

/** Somebody else changed our tables. */
export const intrusion: Extract<FromGuard, { kind: 'rules' }> = {
  kind: 'rules',
  tables: ['inet'],
  by: { portId: 4242, process: 4242, name: 'nft' },
  at: 0,
};

/** What stands after a load, by kind, name and family: from the blocks of tables in it, and from what it deletes. */
function namesIn(text: string, before: ReadonlySet<string>): ReadonlySet<string> {
  const stands = new Set(before);
  let family = '';
  for (const line of text.split('\n')) {
    const [, table] = /^(?:add )?table (\w+) /.exec(line) ?? [];
    if (table !== undefined) family = table;
    const [, kind, name] = /^\s+(chain|set|map|counter) "?([^" ]+)"? \{/.exec(line) ?? [];
    if (kind !== undefined) stands.add(`${kind} ${name} ${family}`);
    const [, gone, its, other] = /^delete (chain|set|map|counter) (\w+) \w+ "?([^" ]+)"?/.exec(line) ?? [];
    if (gone !== undefined) stands.delete(`${gone} ${other} ${its}`);
  }
  return stands;
}

/** A daemon on a host in memory: an engine that can be away or slow, a kernel that counts what it is loaded with. */
export class DaemonHost {
  world: World = buildWorld({ ...town, containers: town.containers.map((one) => ({ ...one, published: [] })) });
  files: PolicyReading = filesOf('[internet]');
  engineAway = false;
  /** The host's, as the kernel lists them. */
  bridges: readonly { readonly name: string; readonly index: number }[] = [];
  /** Milliseconds for an answer of the engine, for a load, for a listing, and for testing what the policy files say. */
  slowness = { engine: 2, nft: 2, list: 2, files: 0 };
  /** Chains that somebody has put into our tables. */
  beside: readonly string[] = [];
  /** Each load is refused, as where nft is ended for want of memory. */
  nftRefuses = false;
  diskFull = false;
  /** What the next writing of the rules waits for. */
  disk: Promise<void> = Promise.resolve();
  /** That the policy in force cannot be written down, which {@link diskFull} leaves possible. */
  policyUnwritable = false;
  /** There is no room for a thread. */
  threadsFail = false;
  state: PolicyState = noPolicy;
  repairs: readonly Repair[] = [];
  /** The rules that were remembered last. */
  rules = '';
  readonly loads: string[] = [];
  /** Changes of elements alone, one after the other. */
  readonly elements: { readonly remove: readonly SetElement[]; readonly add: readonly SetElement[] }[] = [];
  /** Bridges from which nothing passed until the next load, each time. */
  readonly shut: (readonly string[])[] = [];
  /** What the last line was told to hold, one after the other. */
  readonly lastLine: Guarded[] = [];
  readonly log: string[] = [];
  /** The host's clock, which somebody may set. */
  now = Date.now;
  /** When the daemon's process began. */
  readonly startedAt = Date.now();
  /** How often it asked to end, because nothing is to be in force. */
  endings = 0;
  lacks: DaemonPorts['lacks'] = [];
  /** Reads the engine in place of {@link world}; null: nobody. */
  mirror: EnginePort['mirror'] | null = null;
  /** What was written down as standing last; null before. */
  applied: AppliedState | null = null;
  readonly guards: FakeGuard[] = [];
  wake: () => void = () => {};
  /** As the engine says it. */
  notice: (notice: EngineNotice) => void = () => {};
  /** Readings of the engine. */
  readings = 0;
  /** What was loaded: kind, name and family. */
  #stands: ReadonlySet<string> = new Set();

  /** In what the rules are held; nftables unless a test says otherwise. */
  kernel: KernelPort = {
    ...heldInNftables({
      nft: async (args, input = '') => {
        if (!args.includes('-f')) return this.#list(args.at(-2) ?? '');
        await wait(this.slowness.nft);
        if (this.nftRefuses) return { code: 1, signal: null, stdout: '', stderr: 'no memory' };
        this.loads.push(input);
        this.#stands = namesIn(input, this.#stands);
        return { code: 0, signal: null, stdout: '', stderr: '' };
      },
      setElements: (remove, add) => void this.elements.push({ remove, add }),
      shut: (bridges) => void this.shut.push(bridges),
      lastLine: { state: 'stands', hold: (guarded) => void this.lastLine.push(guarded), narrow: () => {} },
      bridges: { load: async () => {}, read: () => ({ ip: true, ip6: true }), set() {} },
      conntrack: { dumpFlows: () => [], deleteFlows: () => ({ deleted: 0, gone: 0 }), markFlows: () => {} },
    }),
    standing: async () => false,
    proven: async () => new Set(),
    isOwn: () => false,
  };

  async start(remembered: Partial<Remembered> = {}): Promise<Daemon> {
    return Daemon.start(this.#ports(remembered));
  }

  /** One that comes after another in the same process. */
  async startAfter(handed: Handed): Promise<Daemon> {
    return Daemon.start(this.#ports({}), handed);
  }

  get guard(): FakeGuard {
    const guard = this.guards.at(-1);
    if (guard === undefined) throw new Error('no guard was started');
    return guard;
  }

  /** As `nft -j -t list table`: names. */
  async #list(family: string) {
    await wait(this.slowness.list);
    const names = [...this.#stands].filter((name) => name.endsWith(` ${family}`));
    if (names.length === 0) return { code: 1, signal: null, stdout: '', stderr: 'No such file or directory' };
    const items = [...names.map((name) => name.split(' ')), ...this.beside.map((name) => ['chain', name])];
    const nftables = items.map(([kind = '', name = '']) => ({ [kind]: { name } }));
    return { code: 0, signal: null, stdout: JSON.stringify({ nftables }), stderr: '' };
  }

  #write(): Promise<void> {
    return this.diskFull ? Promise.reject(new Error('no space left on device')) : Promise.resolve();
  }

  #ports(remembered: Partial<Remembered>): DaemonPorts {
    const nothing: Remembered = {
      policy: noPolicy,
      applied: null,
      host: { networks: [], switched: new Map() },
      rules: null,
      rulesBefore: null,
      repairs: [],
      notices: [],
    };
    return {
      now: () => this.now(),
      elapsed: () => this.now(),
      startedAt: this.startedAt,
      onNothingBefore: () => void this.endings++,
      policy: {
        read: async () => {
          const { files } = this;
          await wait(this.slowness.files);
          return files;
        },
        digest: async () => (this.files.kind === 'good' ? this.files.digest : null),
        places: async () => ({ files: [], folders: [] }),
        recall: (texts) => readPolicy(texts, { now: Date.now() }).policy,
      },
      memory: {
        open: async () => ({ ...nothing, ...remembered }),
        writePolicy: async (state) => {
          if (this.policyUnwritable) throw new StateError('no space left on device');
          this.state = state;
        },
        writeApplied: (applied) => {
          this.applied = applied;
          return this.#write();
        },
        writeHost: () => this.#write(),
        writeRules: async ({ text }) => {
          await this.#write();
          await this.disk;
          this.rules = text;
        },
        writeRepairs: async (repairs) => {
          await this.disk;
          this.repairs = repairs;
        },
      },
      boot: 'this one',
      engine: {
        address: 'unix:///run/docker.sock',
        mirror: (onLate) => {
          this.wake = onLate;
          if (this.mirror !== null) return this.mirror(onLate);
          return {
            note() {},
            lookFor() {},
            late: new Set(),
            forget() {},
            recheck() {},
            readWorld: async () => {
              this.readings++;
              await wait(this.slowness.engine);
              if (this.engineAway) throw new EngineError('unreachable', 'the engine is away');
              return this.world;
            },
          };
        },
        follow: (hear) => {
          this.notice = hear;
          return { stop() {} };
        },
      },
      bridges: () => this.bridges,
      kernel: this.kernel,
      guard: (hear) => {
        if (this.threadsFail) throw new Error('no room for a thread');
        const guard = new FakeGuard(hear);
        this.guards.push(guard);
        setTimeout(() => hear({ kind: 'ready' }), 1);
        return {
          post: (message) => void guard.told.push(message),
          stop: async () => {
            guard.stopped = true;
          },
        };
      },
      lacks: this.lacks,
      onCalm() {},
      onMinute() {},
      log: (level, text) => void this.log.push(`${level} ${text}`),
    };
  }
}

/** A daemon that holds its first policy and has calmed down. */
export async function settled(host: DaemonHost) {
  const daemon = await host.start();
  await soon(() => expect(host.applied).not.toBeNull());
  await calm(host);
  host.loads.length = 0;
  return daemon;
}

/** Waits until it holds, however busy the machine is. */
export const soon = (holds: () => void | Promise<void>) => vi.waitFor(holds, { timeout: 20_000, interval: 5 });

/** Waits until nothing has been done for a while. */
export async function calm(host: DaemonHost, quiet = 120): Promise<void> {
  const done = () => `${host.readings} ${host.loads.length} ${host.elements.length} ${host.guards.length}`;
  let before = '';
  for (let round = 0; round < 100 && before !== done(); round++) {
    before = done();
    await wait(quiet);
  }
}
