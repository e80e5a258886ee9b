import type {
  ApplyAnswer,
  ApplyRequest,
  ConfirmAnswer,
  ControlHandlers,
  Cut,
  Repair,
  RollbackRequest,
  Status,
} from '../control/protocol.ts';
import { EngineError } from '../docker/engine-error.ts';
import type { EngineNotice } from '../docker/events.ts';
import type { EngineMirror } from '../docker/mirror.ts';
import type { ForbiddenFlow } from '../enforce/forbidden.ts';
import { formatAddress } from '../ip/address.ts';
import { setOfAddresses } from '../ip/address-set.ts';
import type { RuleChanger } from '../netlink/rule-events.ts';
import { renderRuleset } from '../nftables/render.ts';
import { replaceText } from '../nftables/transaction.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';
import { setKey } from '../ruleset/clause.ts';
import { type Compiler, createCompiler } from '../ruleset/compile.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';
import type { HostState } from '../state/host-state.ts';
import { StateError } from '../state/part.ts';
import { confirmed, goneBack, type PendingConfirm, type PolicyState, putInForce } from '../state/policy-state.ts';
import { type RepairsState, withRepair } from '../state/repairs-state.ts';
import type { RulesState } from '../state/rules-state.ts';
import type { Remembered } from '../state/store.ts';
import type { World } from '../world/world.ts';
import type { FromGuard, Seated } from './guard/protocol.ts';
import { KernelHolder } from './kernel-holder.ts';
import { withNewcomers } from './newcomers.ts';
import { nothingTold, planFor, type Told } from './plan.ts';
import { type Beginning, begin, type InForce } from './policy-in-force.ts';
import type { DaemonPorts, GuardPort, PolicyReading } from './ports.ts';
import { agesOf, statusOf, type WorkloadAges } from './status.ts';
import { Troubles } from './troubles.ts';
import { Turns } from './turns.ts';

/** Milliseconds: everything is looked at again, whether or not anybody said something. */
const slow = 60_000;
/** Every so many of those the engine is asked about every container again. */
const forgetEvery = 10;
/** After a change was refused. */
const retry = 1_000;
/** What is over so soon is no trouble. */
const passing = 3_000;
/** Writing what stands waits until things have calmed down. */
const calm = 1_000;
/** For whoever waits for a confirmation to go back himself. */
const grace = 20_000;

/** What ran at one moment. */
interface Look {
  readonly world: World;
  /** Counts readings. */
  readonly number: number;
  /** Ports that had gone before it was read. */
  readonly left: readonly number[];
}

/** What is to be put in force, found out when it is its turn; or why nothing is. */
type Next =
  | { readonly kind: 'policy'; readonly policy: Policy; readonly state: PolicyState }
  | { readonly kind: 'answer'; readonly answer: ApplyAnswer };

type GoodFiles = Extract<PolicyReading, { kind: 'good' }>;

/** What was put into the kernel last. */
interface Now {
  readonly world: World;
  readonly ruleset: Ruleset;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Keeps the kernel at what policy says of what runs. Events are hints that something may have changed; then the engine's
 * state is read, compiled, and what differs is changed, one pass after the other. Newcomers are seated by the guard,
 * beforehand and on its own.
 */
export class Daemon implements Omit<ControlHandlers, 'stop'> {
  readonly #ports: DaemonPorts;
  readonly #startedAt: number;
  readonly #troubles = new Troubles();
  readonly #holder: KernelHolder;
  #policies: PolicyState;
  #host: HostState;
  #repairs: RepairsState;
  #inForce: InForce;
  #compiler: Compiler;
  #guard: GuardPort | null = null;
  #told: Told = nothingTold;
  readonly #mirror: EngineMirror;
  #following: { stop(): void } | null = null;
  /** Senders that the guard has seated, until the engine tells of them, too. */
  readonly #newcomers = new Map<number, Seated>();
  readonly #left = new Set<number>();
  /** Bridges that the guard has enrolled, until they are remembered. */
  readonly #enrolled = new Set<string>();
  #now: Now | null = null;
  #ages: WorkloadAges = new Map();
  #counts = { reconciles: 0, seated: 0, late: 0, gaps: 0 };
  /** Changes of others since the last repair began. */
  #intrusions = 0;
  /** Of what the guard has done, the latest that is reckoned with. */
  #heard = 0;
  #writtenEndpoints: Ruleset['endpoints'] = [];
  /** Whose rules were written down last: large, and seldom others. */
  #written: Ruleset | null = null;
  /** Whether a guard has listened; that one may fail later is a trouble of its own. */
  #guarded = false;
  #unheldSince: number | null = null;
  /** Milliseconds, of its latest measure. */
  #guardPause = 0;
  /** Readings of the engine, and changes of the kernel: one at a time each. */
  readonly #readings = new Turns();
  readonly #changes = new Turns();
  #looks = 0;
  /** Number of the look that the kernel was held to last. */
  #held = 0;
  /** Whether something is still to be written down. */
  #unsaved = false;
  /** When the kernel last could not tell of every change of rules. */
  #lost = Number.NEGATIVE_INFINITY;
  /** For the time before anything is known; nft text. */
  #rules: RulesState | null = null;
  #wanted = false;
  #passing: Promise<void> | null = null;
  #timers: NodeJS.Timeout[] = [];
  #saving: NodeJS.Timeout | null = null;
  #retrying: NodeJS.Timeout | null = null;
  #ended = false;
  /** Milliseconds: the longest that compiling and rendering have held up everything else. */
  #pause = 0;

  private constructor(
    ports: DaemonPorts,
    memory: Remembered,
    { inForce, state }: Beginning,
    proven: ReadonlySet<string>,
  ) {
    this.#ports = ports;
    this.#policies = state;
    this.#host = memory.host;
    this.#repairs = memory.repairs;
    this.#inForce = inForce;
    this.#compiler = createCompiler(inForce.policy);
    this.#holder = new KernelHolder(ports.kernel, proven);
    this.#mirror = ports.engine.mirror(() => this.#wake());
    this.#startedAt = ports.now();
  }

  /**
   * Begins: what is remembered stands in the kernel before anything is waited for.
   *
   * @throws NoPolicyError
   */
  static async start(ports: DaemonPorts): Promise<Daemon> {
    const memory = await ports.memory.open(ports.now());
    for (const notice of memory.notices) ports.log('warning', notice);
    const isLost = memory.notices.length > 0;
    const beginning = begin(await ports.policy.read(false), memory.policy, isLost, ports.policy, ports.now());
    const daemon = new Daemon(ports, memory, beginning, await ports.kernel.proven());
    await daemon.#begin(beginning, memory);
    return daemon;
  }

  async #begin({ trouble, state }: Beginning, memory: Remembered): Promise<void> {
    if (trouble !== null) this.#policyIsBad(trouble);
    if (this.#inForce.record === null) this.#denyingAll();
    this.#rules = memory.rules;
    await this.#holdFromMemory(memory.rules);
    if (state !== memory.policy) await this.#try('the policy', () => this.#ports.memory.writePolicy(state));
    this.#following = this.#ports.engine.follow((notice) => this.#notice(notice));
    this.#wake();
    await this.#goBackWhenOverdue();
    let ticks = 0;
    this.#timers.push(
      setInterval(() => {
        if (++ticks % forgetEvery === 0) this.#mirror.forget();
        else this.#mirror.recheck();
        this.#guard?.post({ kind: 'measure' });
        void this.#goBackWhenOverdue();
        this.#wake();
      }, slow),
    );
  }

  /** Where no rules of ours stand, those that are remembered keep everybody off until more is known. */
  async #holdFromMemory(rules: RulesState | null): Promise<void> {
    try {
      if (rules === null || (await this.#ports.kernel.standing())) return;
      const { code, stderr } = await this.#ports.kernel.nft(['-f', '-'], rules.text);
      if (code === 0)
        this.#ports.log(
          'info',
          'the remembered rules stand; nothing leaves a held bridge until the engine has told who is who',
        );
      else this.#ports.log('warning', `the remembered rules could not be loaded: ${stderr.trim().slice(0, 300)}`);
    } catch (error) {
      this.#ports.log('warning', `the remembered rules could not be loaded: ${messageOf(error)}`);
    }
  }

  /** Ends; the kernel stays as it is. */
  async stop(): Promise<void> {
    this.#ended = true;
    for (const timer of this.#timers) clearInterval(timer);
    for (const timer of [this.#saving, this.#retrying]) if (timer !== null) clearTimeout(timer);
    this.#following?.stop();
    await this.#passing;
    await this.#changes.take(async () => {});
    if (this.#saving !== null || this.#unsaved) await this.#save();
    await this.#guard?.stop();
  }

  // What is heard

  #notice(notice: EngineNotice): void {
    switch (notice.kind) {
      case 'event':
        this.#mirror.note(notice.event);
        if (notice.event.kind === 'network' && notice.event.action === 'connect')
          this.#guard?.post({ kind: 'look', network: notice.event.network });
        break;
      case 'connected':
        this.#mirror.forget();
        break;
      case 'gap':
        this.#counts = { ...this.#counts, gaps: this.#counts.gaps + 1 };
        this.#ports.log('warning', `the engine's events broke off: ${notice.reason}`);
        return;
    }
    this.#wake();
  }

  #hear(message: FromGuard): void {
    switch (message.kind) {
      case 'seated':
        return this.#seated(message);
      case 'left':
        return this.#leftPort(message);
      case 'rules':
        return void this.#rulesChanged(message.by, message.tables, message.at);
      case 'lost':
        if (message.what === 'rules') this.#doubtAfterLoss();
        this.#ports.log(
          'warning',
          `the kernel could not tell of every change of ${message.what}: all is looked at again`,
        );
        break;
      case 'failed':
        this.#counts = { ...this.#counts, late: this.#counts.late + 1 };
        this.#ports.log('warning', `${this.#nameOf(message.container)} could not be seated at once: ${message.reason}`);
        break;
      case 'stranger':
        this.#counts = { ...this.#counts, late: this.#counts.late + 1 };
        break;
      case 'closed':
        return this.#closed(message);
      case 'pauses':
        this.#guardPause = message.pauses.longestTurn;
        return;
      case 'broken':
        return this.#guardBroke(message.reason);
      case 'ready':
        this.#guarded = true;
        this.#holder.doubt(); // what was changed before it listened nobody has told
        this.#relieved('unguarded', 'newcomers are seated at once again');
        break;
      case 'bridges':
        break;
    }
    this.#wake();
  }

  #seated({ serial, seated, replaced }: Extract<FromGuard, { kind: 'seated' }>): void {
    this.#heard = serial;
    const before = replaced.flatMap((port) => this.#senderAt(port) ?? []);
    for (const port of replaced) this.#forgetSender(port);
    this.#newcomers.set(seated.place.port.index, seated);
    this.#holder.changed(before, [seated], this.#senders().values());
    this.#counts = { ...this.#counts, seated: this.#counts.seated + 1 };
    this.#wake();
  }

  /** It stays enrolled, whatever the engine says until it has heard of the connection itself. */
  #closed({ serial, bridge }: Extract<FromGuard, { kind: 'closed' }>): void {
    this.#heard = serial;
    this.#enrolled.add(bridge);
    this.#holder.enrolled(bridge);
    this.#ports.log('info', `${bridge} is enrolled: a container that is held was connected to it`);
    this.#wake();
  }

  #leftPort({ serial, port }: Extract<FromGuard, { kind: 'left' }>): void {
    this.#heard = serial;
    const gone = this.#senderAt(port);
    this.#forgetSender(port);
    if (gone !== null) this.#holder.changed([gone], [], this.#senders().values());
    this.#wake();
  }

  #senderAt(port: number): Seated | null {
    return this.#senders().get(port) ?? null;
  }

  /** Everybody who can send now, as far as is known here. */
  #senders(): ReadonlyMap<number, Seated> {
    const planned = [...this.#told.seated].filter(([port]) => !this.#left.has(port));
    return new Map([...planned, ...this.#newcomers]);
  }

  #forgetSender(port: number): void {
    this.#newcomers.delete(port);
    this.#left.add(port);
  }

  /** Filling everything anew may itself be more than the kernel can tell: then not again at once. */
  #doubtAfterLoss(): void {
    const now = performance.now();
    if (now - this.#lost < slow) return;
    this.#lost = now;
    this.#holder.doubt();
  }

  /** Newcomers are seated a little later then, by the passes; another guard is started with the next. */
  #guardBroke(reason: string): void {
    void this.#guard?.stop();
    this.#guard = null;
    this.#told = nothingTold;
    this.#heard = 0;
    this.#trouble(
      'unguarded',
      `newcomers wait for the next look: ${reason}`,
      'nothing to do: another guard is started',
    );
    this.#again();
  }

  #nameOf(container: string): string {
    return this.#now?.world.containers.find(({ id }) => id === container)?.name ?? container.slice(0, 12);
  }

  /** Somebody has changed our tables: they are put back at once, and then looked at in peace. */
  async #rulesChanged(by: RuleChanger, tables: readonly string[], at: number): Promise<void> {
    if (this.#ended || this.#ports.kernel.isOwn(by.portId)) return;
    this.#intrusions++;
    if (this.#intrusions > 1) return; // the repair that waits already puts back this, too
    let repaired = false;
    try {
      repaired = await this.#changes.take(async () => {
        this.#intrusions = 0;
        const heard = this.#heard;
        const done = await this.#holder.repair();
        if (!done) await this.#holdFromMemory(this.#rules);
        if (this.#now !== null) this.#tellGuard(this.#now.ruleset, heard);
        return done;
      });
    } catch (error) {
      this.#ports.log('error', `the rules could not be put back: ${messageOf(error)}`);
    }
    const repair: Repair = {
      at: Math.round(at),
      took: Math.round(this.#ports.now() - at),
      by: { process: by.process, name: by.name },
      tables: tables.map((family) => `${family} sluice`),
    };
    const who = `${by.name} (process ${by.process})`;
    this.#ports.log(
      'warning',
      `${who} changed ${repair.tables.join(' and ')}: ${repaired ? `put back in ${repair.took} ms` : 'putting them back'}`,
    );
    this.#repairs = withRepair(this.#repairs, repair);
    this.#holder.doubt(); // what was put beside ours is taken away, too
    this.#wake();
    await this.#try('the repair', () => this.#ports.memory.writeRepairs(this.#repairs));
  }

  // One pass after the other

  #wake(): void {
    this.#wanted = true;
    if (this.#ended || this.#passing !== null) return;
    this.#passing = this.#passes().finally(() => {
      this.#passing = null;
      if (this.#wanted && !this.#ended && this.#retrying === null) this.#wake();
    });
  }

  async #passes(): Promise<void> {
    while (this.#wanted && !this.#ended) {
      this.#wanted = false;
      if ((await this.#pass()) === 'again later') return this.#again();
    }
  }

  #again(): void {
    this.#retrying ??= setTimeout(() => {
      this.#retrying = null;
      this.#wake();
    }, retry);
  }

  /** Reads what runs and makes the kernel hold what policy says of it. */
  async #pass(): Promise<'done' | 'again later'> {
    this.#guard ??= this.#startGuard();
    try {
      const look = await this.#look();
      await this.#changes.take(async () => {
        if (look.number > this.#held) await this.#holdTo(look); // else somebody has held a later one
      });
      return 'done';
    } catch (error) {
      if (error instanceof EngineError) {
        this.#trouble('engine-gone', error.message, 'start it: systemctl start docker; what runs is held as before');
        await this.#changes.take(() => this.#holdLast());
      } else this.#refused(error);
      return 'again later';
    }
  }

  #refused(error: unknown): void {
    this.#holder.doubt();
    this.#trouble('kernel-refused', messageOf(error), 'look at nft list ruleset; it is tried again every second');
  }

  /** While the engine is away, what is in doubt is held to what ran when it was last seen. */
  async #holdLast(): Promise<void> {
    if (this.#holder.knows || this.#now === null) return;
    try {
      await this.#holdTo({ world: this.#now.world, number: this.#held, left: [] });
    } catch (error) {
      this.#refused(error);
    }
  }

  /** What runs now, as the engine says. One reading at a time: the mirror keeps what it has asked. */
  #look(): Promise<Look> {
    return this.#readings.take(async () => {
      const left = [...this.#left];
      const world = await this.#mirror.readWorld();
      this.#relieved('engine-gone', 'the engine answers again');
      return { world, number: ++this.#looks, left };
    });
  }

  /** Only in a turn of its own: nothing else changes the kernel meanwhile, but the guard. */
  async #holdTo({ world, number, left }: Look): Promise<readonly ForbiddenFlow[]> {
    const now = this.#ports.now();
    const started = performance.now();
    const heard = this.#heard;
    const considered = [...this.#newcomers.keys()];
    const { ruleset: told, diagnostics } = this.#compiler(world, now, this.#networksToRemember(world));
    const ruleset = withNewcomers(told, { seated: this.#newcomers, left: this.#left });
    const tables = renderRuleset(ruleset);
    this.#pause = Math.max(this.#pause, performance.now() - started);
    const { change, cut, switched } = await this.#holder.hold(ruleset, tables, now);
    this.#relieved('kernel-refused', 'the kernel holds the policy');
    this.#counts = { ...this.#counts, reconciles: this.#counts.reconciles + 1 };
    this.#now = { world, ruleset, diagnostics };
    this.#held = number;
    this.#ages = agesOf(ruleset, this.#ages, now);
    const [ofEngine, carried] = [told, ruleset].map(
      ({ endpoints }) => new Set(endpoints.map(({ port }) => port.index)),
    );
    for (const port of considered) if (ofEngine?.has(port) || !carried?.has(port)) this.#newcomers.delete(port);
    for (const port of left) this.#left.delete(port); // the world was read after they had gone
    this.#tellGuard(ruleset, heard);
    this.#notHeld(ruleset, now);
    this.#keep(ruleset, switched, change);
    return cut;
  }

  #networksToRemember({ networks }: World): HostState['networks'] {
    if (this.#enrolled.size === 0) return this.#host.networks;
    const more = networks.filter(({ bridge }) => bridge !== null && this.#enrolled.has(bridge.name));
    return [...this.#host.networks, ...more.map(({ id, name, subnets }) => ({ project: null, id, name, subnets }))];
  }

  #startGuard(): GuardPort {
    const guard: GuardPort = this.#ports.guard((message) => {
      if (this.#guard === guard) this.#hear(message); // one that was given up may still say so
    });
    return guard;
  }

  #tellGuard(ruleset: Ruleset, heard: number): void {
    if (this.#guard === null) return; // the next one is told everything
    const { plan, told } = planFor(ruleset, this.#told, heard);
    this.#told = told;
    this.#guard.post(plan);
  }

  /** A container that starts or stops cannot be held for a moment; one that stays so is a trouble. */
  #notHeld({ unheld }: Ruleset, now: number): void {
    const names = unheld.filter(({ wanted }) => wanted === 'enforce').map(({ workload }) => workload);
    this.#unheldSince = names.length === 0 ? null : (this.#unheldSince ?? now);
    if (this.#unheldSince === null) this.#relieved('not-held', 'everything that is to be enforced is held');
    else if (now - this.#unheldSince >= passing)
      this.#trouble(
        'not-held',
        `${[...new Set(names)].join(', ')} cannot be held`,
        'sluice ps tells why, and how to mend it',
      );
    else this.#again();
  }

  // Memory

  #keep(ruleset: Ruleset, switched: HostState['switched'], change: string): void {
    for (const { name } of ruleset.bridges) this.#enrolled.delete(name); // remembered from now on
    this.#host = { networks: ruleset.heldNetworks, switched: new Map([...switched, ...this.#host.switched]) };
    if (change !== 'nothing' || !isSameList(ruleset.endpoints, this.#writtenEndpoints)) this.#unsaved = true;
    if (this.#unsaved) this.#saving ??= setTimeout(() => void this.#save().then(this.#ports.onCalm), calm);
  }

  /** @returns what could not be written */
  async #save(): Promise<readonly string[]> {
    if (this.#saving !== null) clearTimeout(this.#saving);
    this.#saving = null;
    const now = this.#now;
    if (now === null) return [];
    const { ruleset, world } = now;
    const { memory, boot } = this.#ports;
    const applied = { at: this.#ports.now(), engine: world.engine.version, boot, ruleset };
    // at the next start nobody has the place he has now: programs stand ready, and everybody is denied until known
    const nobody: Ruleset = { ...ruleset, endpoints: [], groups: ruleset.groups.map(withoutMembers) };
    const failed = await this.#try('what stands', async () => {
      await memory.writeHost(this.#host);
      await memory.writeApplied(applied);
      this.#writtenEndpoints = ruleset.endpoints;
      if (this.#written !== null && isSameWithoutSenders(this.#written, ruleset)) return;
      const rules = { boot, text: replaceText(renderRuleset(nobody)) };
      await memory.writeRules(rules);
      this.#written = ruleset;
      this.#rules = rules;
    });
    this.#unsaved = failed.length > 0; // then with the next look, which comes
    return failed;
  }

  /**
   * A state that cannot be written is told, and is no reason to hold nothing.
   *
   * @returns what went wrong
   */
  async #try(what: string, write: () => Promise<void>): Promise<readonly string[]> {
    try {
      await write();
      this.#relieved('state-broken', 'the state is written again');
      return [];
    } catch (error) {
      const message = `${what} could not be remembered: ${messageOf(error)}`;
      this.#trouble('state-broken', message, 'make room under the state directory');
      return [message];
    }
  }

  // What is asked

  /** Takes the policy as its files say now; with an error the last good one stays. */
  async reload(): Promise<void> {
    const files = await this.#ports.policy.read(true);
    if (files.kind === 'bad') return this.#policyIsBad(files.message);
    const answer = await this.#enforce(() => {
      // nothing new is said: what waits to be confirmed still waits, and what was rolled back from stays out
      const { current, rejected, pending } = this.#policies;
      if (files.digest !== current?.digest && files.digest !== rejected) return this.#taken(files, null);
      this.#relieved('policy-bad', 'the policy is good');
      return { kind: 'answer', answer: { ok: true, digest: current?.digest ?? null, cut: [], pending, warnings: [] } };
    });
    if (!answer.ok) this.#ports.log('error', answer.message);
  }

  async apply({ digest, confirm }: ApplyRequest): Promise<ApplyAnswer> {
    const files = await this.#ports.policy.read(true);
    if (files.kind === 'bad') {
      this.#policyIsBad(files.message);
      return { ok: false, code: 'bad-policy', message: files.message };
    }
    if (files.digest !== digest) {
      const message = 'the policy files changed while they were being read: apply again';
      return { ok: false, code: 'changed-meanwhile', message };
    }
    return this.#enforce(() => this.#taken(files, confirm === undefined ? null : { digest, ...confirm }));
  }

  #taken({ policy, texts }: GoodFiles, pending: PendingConfirm | null): Next {
    const state = putInForce(this.#policies, texts, { now: this.#ports.now(), before: 'unknown', pending });
    return { kind: 'policy', policy, state };
  }

  /** Goes back to the policy before. What the files say is not taken again until they change. */
  rollback({ by, token }: RollbackRequest): Promise<ApplyAnswer> {
    return this.#enforce(() => {
      if (by === 'confirm-expired' && this.#policies.pending?.token !== token)
        return refusal('not-pending', 'this change does not wait to be confirmed');
      const state = goneBack(this.#policies, by, this.#ports.now());
      const current = state?.current ?? null;
      const policy = current === null ? null : this.#ports.policy.recall(current.texts);
      if (state === null || policy === null)
        return refusal('nothing-before', 'there is no policy before this one to go back to');
      return { kind: 'policy', policy, state };
    });
  }

  /** Keeps what was put in force until confirmed. */
  confirm(): Promise<ConfirmAnswer> {
    return this.#changes.take(async () => {
      const state = confirmed(this.#policies);
      if (state === null) return { confirmed: false };
      await this.#ports.memory.writePolicy(state);
      this.#policies = state;
      this.#ports.log('info', 'the change is confirmed: it stays');
      return { confirmed: true };
    });
  }

  /** Whoever waits for a confirmation goes back in time; after a reboot there may be nobody who waits. */
  async #goBackWhenOverdue(): Promise<void> {
    const { pending } = this.#policies;
    if (pending === null || this.#ports.now() < pending.until + grace) return;
    this.#ports.log('warning', 'the change was not confirmed in time: going back to the policy before');
    const answer = await this.rollback({ by: 'confirm-expired', token: pending.token });
    if (!answer.ok) this.#ports.log('error', `could not go back: ${answer.message}`);
  }

  /**
   * Puts a policy in force, or leaves the one that is. It is remembered before it is answered for.
   *
   * @param find called when it is its turn: what was asked meanwhile counts
   */
  async #enforce(find: () => Next): Promise<ApplyAnswer> {
    const look = await this.#lookOrLast();
    return this.#changes.take(async () => {
      const next = find();
      return next.kind === 'answer' ? next.answer : this.#putInForce(next.policy, next.state, look);
    });
  }

  async #putInForce(policy: Policy, state: PolicyState, look: Look | EngineError): Promise<ApplyAnswer> {
    const before = { inForce: this.#inForce, policies: this.#policies };
    try {
      if (look instanceof EngineError) throw look;
      await this.#ports.memory.writePolicy(state);
      this.#policies = state;
      this.#use({ policy, record: state.current });
      const last = this.#now !== null && look.number < this.#held ? { ...look, world: this.#now.world } : look;
      const cut = await this.#holdTo({ ...last, number: Math.max(last.number, this.#held) });
      const warnings = await this.#save();
      this.#relieved('policy-bad', 'the policy is good');
      this.#relieved('denying-all', 'a policy is in force again');
      const { current, pending } = state;
      if (current !== null) this.#ports.log('info', cameInForce(current, pending, cut.length));
      return { ok: true, digest: current?.digest ?? null, cut: cut.map(cutOf), pending, warnings };
    } catch (error) {
      if (error instanceof StateError) return { ok: false, code: 'state-unwritable', message: error.message };
      if (error instanceof EngineError) return { ok: false, code: 'engine-gone', message: error.message };
      this.#use(before.inForce);
      this.#policies = before.policies;
      await this.#try('the policy', () => this.#ports.memory.writePolicy(before.policies));
      this.#holder.doubt();
      this.#wake();
      return { ok: false, code: 'kernel-refused', message: messageOf(error) };
    }
  }

  /** While the engine is away a policy is held to what ran when it was last seen. */
  async #lookOrLast(): Promise<Look | EngineError> {
    try {
      return await this.#look();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      this.#wake();
      return this.#now === null ? error : { world: this.#now.world, number: this.#held, left: [] };
    }
  }

  #use(inForce: InForce): void {
    this.#inForce = inForce;
    this.#compiler = createCompiler(inForce.policy);
  }

  async status(): Promise<Status> {
    return statusOf({
      inForce: this.#inForce,
      files: await this.#ports.policy.digest(),
      now: this.#now,
      ages: this.#ages,
      at: this.#ports.now(),
      startedAt: this.#startedAt,
      guarded: this.#guarded,
      troubles: this.#troubles.list(),
      repairs: this.#repairs,
      pending: this.#policies.pending,
      counts: this.#counts,
      pauses: this.#pauses(),
      engine: this.#ports.engine.address,
    });
  }

  /** The longest pauses since they were asked for last. */
  #pauses(): Status['pauses'] {
    const main = Math.round(this.#pause * 10) / 10;
    this.#pause = 0;
    return { main, guard: this.#guardPause };
  }

  // What is said

  #policyIsBad(message: string): void {
    this.#trouble(
      'policy-bad',
      message,
      'mend it (sluice check shows where), then sluice apply; the last good policy stays in force',
    );
  }

  #denyingAll(): void {
    this.#trouble(
      'denying-all',
      'no policy can be read, neither the files nor what was in force: nothing leaves any Docker bridge',
      'mend the policy, then sluice apply',
    );
  }

  #trouble(...[code, message, fix]: [Parameters<Troubles['add']>[0], string, string]): void {
    if (this.#troubles.add(code, message, fix, this.#ports.now())) this.#ports.log('error', `${message}\n${fix}`);
  }

  #relieved(code: Parameters<Troubles['end']>[0], message: string): void {
    if (this.#troubles.end(code)) this.#ports.log('info', message);
  }
}

function isSameList<Item>(a: readonly Item[], b: readonly Item[]): boolean {
  return a.length === b.length && a.every((one, at) => one === b[at]);
}

/** Whether the rules that stand while nobody is known are the same. */
function isSameWithoutSenders(a: Ruleset, b: Ruleset): boolean {
  const bridges = ({ bridges, knownBridges }: Ruleset) =>
    [...bridges.map(({ name }) => name), '', ...knownBridges].join();
  return (
    isSameList(a.programs, b.programs) &&
    bridges(a) === bridges(b) &&
    setKey(a.held) === setKey(b.held) &&
    setKey(a.hostAddresses) === setKey(b.hostAddresses)
  );
}

function refusal(code: Extract<ApplyAnswer, { ok: false }>['code'], message: string): Next {
  return { kind: 'answer', answer: { ok: false, code, message } };
}

function withoutMembers(group: Ruleset['groups'][number]): Ruleset['groups'][number] {
  return { ...group, members: [], addresses: setOfAddresses([]) };
}

function cutOf({ flow, from }: ForbiddenFlow): Cut {
  const { destination, protocol, detail } = flow.original;
  const port = detail.kind === 'ports' ? detail.destination : 0;
  return { workload: from.workload, container: from.container.name, to: formatAddress(destination), protocol, port };
}

/** For the log: which policy it is, how it came, and what it ended. */
function cameInForce(
  { digest, by }: NonNullable<PolicyState['current']>,
  pending: PolicyState['pending'],
  cut: number,
): string {
  const came = { files: '', rollback: ', by rollback', 'confirm-expired': ': its change was not confirmed' }[by];
  const until =
    pending === null ? '' : `; it goes back at ${new Date(pending.until).toISOString()} unless it is confirmed`;
  const ended = cut === 0 ? '' : `; ${cut} live connection${cut === 1 ? '' : 's'} cut`;
  return `policy ${digest.slice(0, 4)}… is in force${came}${ended}${until}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
