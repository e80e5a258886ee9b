import type { ControlHandlers, Status } from '../control/protocol.ts';
import { EngineError } from '../docker/engine-error.ts';
import type { EngineEvent, EngineNotice } from '../docker/events.ts';
import type { EngineMirror } from '../docker/mirror.ts';
import type { ForbiddenFlow } from '../enforce/forbidden.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import { type Compiler, createCompiler } from '../ruleset/compile.ts';
import { Memory } from '../ruleset/memory.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';
import { TooLargeError } from '../ruleset/too-large.ts';
import { isOpen } from '../ruleset/unheld.ts';
import { firstOf, type HostState } from '../state/host-state.ts';
import type { PolicyState } from '../state/policy-state.ts';
import type { Remembered } from '../state/store.ts';
import type { World } from '../world/world.ts';
import { denyUnknown } from './deny-unknown.ts';
import type { FromGuard } from './guard/protocol.ts';
import { holdRemembered } from './hold-remembered.ts';
import type { Holder } from './holder.ts';
import { Keeper } from './keeper.ts';
import { KeptPrograms } from './kept-programs.ts';
import { type Look, Looks } from './looks.ts';
import { LossDoubts } from './loss-doubts.ts';
import { Mending } from './mending.ts';
import { Passes } from './passes.ts';
import { Policies } from './policies.ts';
import { type Beginning, begin } from './policy-in-force.ts';
import { type DaemonPorts, messageOf } from './ports.ts';
import { Seatings } from './seatings.ts';
import { agesOf, statusOf, type WorkloadAges } from './status.ts';
import { tellOfBarred } from './tell-of-barred.ts';
import { passing, Troubles } from './troubles.ts';
import { Turns } from './turns.ts';
import { patience } from './unlisted.ts';

/** Milliseconds: everything is looked at again, whether or not anybody said something. */
const slow = 60_000;
/** Every so many of those the engine is asked about every container again. */
const forgetEvery = 10;
/** What says of somebody that he leaves; the guard has taken his elements out when his port went. */
const partings: ReadonlySet<string> = new Set(['stop', 'die', 'destroy', 'disconnect']);
/** So often a look is taken anew because something has happened meanwhile. */
const againAtMost = 2;
/** More than a timer may be early by. */
const grain = 50;

/** What was put into the kernel last. */
interface Now {
  readonly world: World;
  readonly ruleset: Ruleset;
  readonly diagnostics: readonly Diagnostic[];
}

/** What a daemon begins with; one that has ended leaves it to the next in the same process. */
export interface Handed extends Pick<Remembered, 'host' | 'rules' | 'repairs'> {
  readonly beginning: Beginning;
  /** What the disk has of {@link Beginning.state}; null: maybe an older one. */
  readonly written: PolicyState | null;
}

/**
 * Keeps the kernel at what policy says of what runs. Events are hints that something may have changed; then the engine's
 * state is read, compiled, and what differs is changed, one pass after the other. Newcomers are seated by the guard,
 * beforehand and on its own.
 */
export class Daemon implements Omit<ControlHandlers, 'stop'> {
  readonly #ports: DaemonPorts;
  readonly #looks: Looks;
  /** Changes of the kernel, one at a time. */
  readonly #changes = new Turns();
  readonly #troubles: Troubles;
  readonly #holder: Holder;
  readonly #seatings: Seatings;
  readonly #keeper: Keeper;
  readonly #mending: Mending;
  readonly #kept = new KeptPrograms();
  readonly #policies: Policies<Look>;
  readonly #mirror: EngineMirror;
  readonly #judged = new Memory();
  readonly #passes = new Passes(() => this.#pass());
  #compiler: Compiler;
  #host: HostState;
  #following: { stop(): void } | null = null;
  #now: Now | null = null;
  #ages: WorkloadAges = new Map();
  #counts = { reconciles: 0, seated: 0, late: 0, gaps: 0 };
  readonly #losses = new LossDoubts(() => {
    this.#holder.doubt();
    this.#passes.wake();
  });
  /** Whether a guard has listened; that one may fail later is a trouble of its own. */
  #guarded = false;
  #unheldSince: number | null = null;
  /** Milliseconds, each the longest of late: compiling and rendering, and one turn of the guard's. */
  #pauses = { main: 0, guard: 0 };
  #timer: NodeJS.Timeout | null = null;

  private constructor(ports: DaemonPorts, handed: Handed, proven: ReadonlySet<string>) {
    const { beginning, host, rules, repairs } = handed;
    this.#ports = ports;
    this.#troubles = new Troubles(ports.log, ports.now);
    for (const { code, message, fix } of ports.lacks) this.#troubles.add(code, message, fix);
    this.#holder = ports.kernel.holder(proven, (reason) => this.#isLate(reason));
    this.#seatings = new Seatings(ports, this.#holder, (message) => this.#hear(message));
    this.#keeper = new Keeper(ports, this.#troubles, rules);
    this.#mending = new Mending(
      ports,
      { changes: this.#changes, holder: this.#holder, seatings: this.#seatings, keeper: this.#keeper },
      {
        ruleset: () => this.#now?.ruleset ?? null,
        holdFromMemory: () => holdRemembered(ports, this.#keeper.rules),
        wake: () => this.#passes.wake(),
      },
      repairs,
    );
    this.#host = host;
    this.#compiler = createCompiler(beginning.inForce.policy, this.#judged);
    const parts = { turns: this.#changes, troubles: this.#troubles, keeper: this.#keeper };
    this.#policies = new Policies(ports, parts, beginning, {
      look: () => this.#lookOrLast(),
      hold: (look) => this.#holdTo(this.#looks.latest(look)),
      used: (policy) => {
        this.#compiler = createCompiler(policy, this.#judged);
        this.#kept.forget();
      },
      doubt: () => {
        this.#holder.doubt();
        this.#passes.wake();
      },
      untaken: () => this.#passes.wakeLater(),
    });
    this.#mirror = ports.engine.mirror(() => this.#passes.wake());
    this.#looks = new Looks({
      elapsed: ports.elapsed,
      readWorld: () => this.#mirror.readWorld(),
      left: () => this.#seatings.left,
      late: () => this.#mirror.late,
      answered: () => this.#troubles.end('engine-gone', 'the engine answers again'),
    });
  }

  /**
   * Begins: what is remembered stands in the kernel before anything is waited for.
   *
   * @param handed by the one before, whose rules stand: what was in force is, whatever the files say by now. null: there was
   *   none in this process
   * @throws NoPolicyError
   */
  static async start(ports: DaemonPorts, handed: Handed | null = null): Promise<Daemon> {
    const from = handed ?? (await remembered(ports));
    const daemon = new Daemon(ports, from, await ports.kernel.proven());
    try {
      await daemon.#begin(from);
    } catch (error) {
      await daemon.stop();
      throw error;
    }
    return daemon;
  }

  async #begin({ beginning: { trouble, state, inForce }, written }: Handed): Promise<void> {
    if (trouble !== null) this.#policies.isBad(trouble);
    if (inForce.record === null)
      this.#troubles.add(
        'denying-all',
        'no policy can be read, neither the files nor what was in force: nothing leaves any Docker bridge',
        'mend the policy, then sluice apply',
      );
    if (state !== written) await this.#keeper.attempt('the policy', () => this.#ports.memory.writePolicy(state));
    this.#following = this.#ports.engine.follow((notice) => this.#notice(notice));
    this.#passes.wake();
    await this.#policies.goBackWhenOverdue();
    this.#mending.begin();
    let ticks = 0;
    this.#timer = setInterval(() => {
      if (++ticks % forgetEvery === 0) this.#mirror.forget();
      else this.#mirror.recheck();
      this.#seatings.measure();
      this.#kept.letGo(this.#ports.elapsed());
      this.#ports.onMinute();
      void this.#policies.goBackWhenOverdue();
      this.#passes.wake();
    }, slow);
  }

  /** Ends; the kernel stays as it is, and nothing of what was begun changes it afterwards. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#losses.end();
    const passed = this.#passes.end();
    this.#following?.stop();
    await this.#mending.end();
    await passed;
    this.#policies.end();
    await this.#changes.take(() => this.#keeper.end());
    await this.#seatings.end();
    await this.#holder.atRest();
  }

  /** For the next one; to be asked for when this one has ended. */
  get handed(): Handed {
    const { state, inForce } = this.#policies;
    const [{ rules }, { repairs }] = [this.#keeper, this.#mending];
    return { beginning: { state, inForce, trouble: null }, written: null, host: this.#host, rules, repairs };
  }

  /** Reads what runs. @throws EngineError when that cannot be known now */
  async look(): Promise<void> {
    await this.#looks.next();
  }

  // What is heard

  #notice(notice: EngineNotice): void {
    switch (notice.kind) {
      case 'event':
        this.#mirror.note(notice.event);
        if (notice.event.kind === 'network' && notice.event.action === 'connect')
          this.#seatings.lookAt(notice.event.network);
        if (partings.has(notice.event.action) || this.#isSeenTo(notice.event)) return this.#passes.wakeSoon();
        break;
      case 'connected':
        this.#mirror.forget();
        break;
      case 'gap':
        this.#count('gaps');
        this.#ports.log('warning', `the engine's events broke off: ${notice.reason}`);
        return;
    }
    this.#passes.wake();
  }

  /**
   * Whether this tells of somebody who is connected, and for whom the guard has a seat: it sees to him from the kernel's
   * links, and a look at what it has done would stand in his way. His start is looked at: ports that he publishes are there
   * by then.
   */
  #isSeenTo(event: EngineEvent): boolean {
    if (event.kind !== 'network' || event.action !== 'connect' || !this.#seatings.isGuarded) return false;
    const seats = this.#now?.ruleset.seats ?? [];
    return seats.some(({ container, network }) => container.id === event.container && network === event.network);
  }

  #hear(message: FromGuard): void {
    const { log } = this.#ports;
    switch (message.kind) {
      case 'seated':
        this.#seatings.seated(message);
        this.#count('seated');
        return this.#passes.wakeSoon();
      case 'left':
        this.#seatings.departed(message);
        return this.#passes.wakeSoon();
      case 'closed':
        this.#seatings.closed(message, this.#ports.elapsed());
        if (message.why === 'connected')
          log('info', `${message.bridge.name} is enrolled: a container that is held was connected to it`);
        else for (const after of Object.values(patience)) setTimeout(() => this.#passes.wake(), after + grain).unref();
        break;
      case 'barred':
        this.#seatings.barred(message, this.#ports.elapsed());
        this.#mirror.lookFor(message.container);
        log(
          'warning',
          `nothing passes from ${message.port.name} until the engine tells of ${message.container.slice(0, 12)}`,
        );
        break;
      case 'crowded': {
        const words = 'not all folders of control groups can be watched: it is looked for newcomers all the time';
        const fix =
          'remove folders that nobody uses, or raise fs.inotify.max_user_instances and max_user_watches; then start the daemon anew';
        this.#troubles.add('unwatched', words, fix);
        return;
      }
      case 'unbarred':
        this.#seatings.unbarred(message);
        return this.#passes.wakeSoon();
      case 'rules':
        return this.#mending.told(message.by, message.tables, message.at);
      case 'lost':
        if (message.what === 'rules') this.#losses.lost();
        log('warning', `the kernel could not tell of every change of ${message.what}: all is looked at again`);
        break;
      case 'failed':
        this.#count('late');
        log('warning', `${this.#nameOf(message.container)} could not be seated at once: ${message.reason}`);
        break;
      case 'stranger':
        this.#count('late');
        break;
      case 'pauses':
        this.#pauses = { ...this.#pauses, guard: message.pauses.longestTurn };
        return;
      case 'broken':
        return this.#guardBroke(message.reason);
      case 'ready':
        this.#guarded = true;
        this.#holder.doubt(); // what was changed before it listened nobody has told
        this.#troubles.end('unguarded', 'newcomers are seated at once again');
        break;
      case 'bridges':
        if (!message.there) this.#seatings.bridgeGone(message.index);
        break;
    }
    this.#passes.wake();
  }

  #isLate(reason: string): void {
    this.#count('late');
    this.#ports.log('warning', `somebody who came or went could not be seen to at once: ${reason}`);
    this.#passes.wake();
  }

  #count(what: keyof Status['counts']): void {
    this.#counts = { ...this.#counts, [what]: this.#counts[what] + 1 };
  }

  /** Newcomers are seated a little later then, by the passes; another guard is started with the next. */
  #guardBroke(reason: string): void {
    this.#seatings.giveUp();
    this.#troubles.end('unwatched', 'another guard is started'); // it says so again
    const message = `newcomers wait for the next look: ${reason}`;
    this.#troubles.add('unguarded', message, 'nothing to do: another guard is started');
    this.#passes.wakeLater();
  }

  #nameOf(container: string): string {
    return this.#now?.world.containers.find(({ id }) => id === container)?.name ?? container.slice(0, 12);
  }

  // One pass after the other

  /** Reads what runs and makes the kernel hold what policy says of it. */
  async #pass(): Promise<'done' | 'again later'> {
    try {
      this.#seatings.guard();
    } catch (error) {
      this.#guardBroke(messageOf(error)); // no room for another thread
    }
    try {
      await this.#holder.lookForOthers();
      let look = await this.#looks.next();
      for (let again = 0; again < againAtMost && this.#passes.takeWanted(); again++) look = await this.#looks.next();
      // a change that nobody confirmed before the host went down is not to be held first
      if (this.#now === null) await this.#policies.goBackWhenOverdue();
      await this.#policies.remember();
      await this.#changes.take(async () => {
        if (this.#looks.isNew(look)) await this.#holdTo(look); // else somebody has held a later one
      });
      void this.#takeUntaken(); // reading files may take its time, and no newcomer waits for it
      return 'done';
    } catch (error) {
      if (error instanceof EngineError) {
        const mend = error.kind === 'host' ? 'mend what the message names' : 'start it: systemctl start docker';
        this.#troubles.add('engine-gone', error.message, `${mend}; what runs is held as before`);
        if (this.#now === null) this.#seatings.blind();
        await this.#changes.take(async () => {
          await this.#holdLast();
          // what it has done meanwhile stands, and is not to come together there for as long as the engine is away
          if (this.#now !== null && this.#holder.knows) this.#seatings.tell(this.#now.ruleset, this.#seatings.heard);
        });
      } else if (error instanceof TooLargeError) {
        // nothing was begun, and until something changes another look would find the same; but what is in doubt is held
        await this.#changes.take(() => this.#holdLast());
        this.#troubles.add('too-large', error.message, 'make the policy smaller, then sluice apply');
        return this.#now === null || this.#holder.knows ? 'done' : 'again later';
      } else this.#refused(error);
      return 'again later';
    } finally {
      const [barred, now] = [this.#seatings.barredPorts, this.#ports.elapsed()];
      tellOfBarred(this.#troubles, barred, now);
      if (barred.some(({ since }) => now - since < patience.engines)) this.#passes.wakeLater();
    }
  }

  async #takeUntaken(): Promise<void> {
    try {
      await this.#policies.takeUntaken();
    } catch (error) {
      this.#ports.log('error', `the policy was not read anew: ${messageOf(error)}`);
    }
  }

  #refused(error: unknown): void {
    this.#holder.doubt();
    const fix = `look at ${this.#ports.kernel.listing}; it is tried again every second`;
    this.#troubles.add('kernel-refused', messageOf(error), fix);
  }

  /** While what runs cannot be known or held, what is in doubt is held to what was held last. */
  async #holdLast(): Promise<void> {
    const { last } = this.#looks;
    if (last !== null && this.#holder.knows) return;
    try {
      if (last === null) await this.#denyUnknown();
      else await this.#holdTo(last);
    } catch (error) {
      this.#refused(error);
    }
  }

  async #denyUnknown(): Promise<void> {
    const compiler = createCompiler(this.#policies.inForce.policy);
    const compile = (world: World) => compiler(world, this.#ports.now(), this.#host.networks).ruleset;
    if (!(await denyUnknown(this.#ports, compile)) || this.#policies.inForce.record === null) return;
    const message =
      'what runs cannot be known or held, and no rules are remembered: nothing leaves the bridges of the engine';
    this.#troubles.add('denying-all', message, 'mend what else status tells of');
  }

  /** While the engine is away, what ran when it was last seen. */
  async #lookOrLast(): Promise<Look | EngineError> {
    try {
      return await this.#looks.next();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      this.#passes.wake();
      return this.#looks.last ?? error;
    }
  }

  /** Only in a turn of its own: nothing else changes the kernel meanwhile, but the guard. */
  async #holdTo(look: Look): Promise<readonly ForbiddenFlow[]> {
    const { world, left } = look;
    const now = this.#ports.now();
    const started = performance.now();
    const compiled = this.#compiler(world, now, this.#seatings.networks(this.#host, world));
    const { ruleset, held } = this.#seatings.join(compiled.ruleset, look);
    const standing = this.#kept.with(ruleset, this.#ports.elapsed());
    const holding = this.#ports.kernel.takeOver(ruleset, () => this.#holder.hold(ruleset, standing, now));
    this.#pauses = { ...this.#pauses, main: Math.max(this.#pauses.main, performance.now() - started) };
    const { change, cut, switched } = await holding;
    for (const code of ['kernel-refused', 'too-large'] as const)
      this.#troubles.end(code, 'the kernel holds the policy');
    if (this.#policies.inForce.record !== null) this.#troubles.end('denying-all', 'what runs is known, and held');
    this.#count('reconciles');
    // what a beginning leaves is given back with it: later the pause would be a newcomer's
    if (this.#now === null) this.#ports.onCalm();
    this.#now = { world, ruleset, diagnostics: compiled.diagnostics };
    this.#looks.held(look);
    this.#ages = agesOf(ruleset, this.#ages, now);
    held(left);
    this.#notHeld(ruleset);
    this.#host = { networks: ruleset.heldNetworks, switched: firstOf(this.#host.switched, switched) };
    const { version } = world.engine;
    this.#keeper.keep({ ruleset, standing, engine: version, host: this.#host }, change !== 'nothing');
    return cut;
  }

  /** A container that starts or stops cannot be held for a moment; one that stays so and is not cut off is a trouble. */
  #notHeld({ unheld }: Ruleset): void {
    const now = this.#ports.elapsed();
    const names = new Set(unheld.filter(isOpen).map(({ workload }) => workload));
    this.#unheldSince = names.size === 0 ? null : (this.#unheldSince ?? now);
    if (this.#unheldSince === null) this.#troubles.end('not-held', 'everything that is to be enforced is held');
    else if (now - this.#unheldSince < passing) this.#passes.wakeLater();
    else {
      const message = `${[...names].join(', ')} cannot be held`;
      this.#troubles.add('not-held', message, 'sluice ps tells why, and how to mend it');
    }
  }

  // What is asked

  reload = () => this.#policies.reload();
  apply: ControlHandlers['apply'] = (request) => this.#policies.apply(request);
  rollback: ControlHandlers['rollback'] = (request) => this.#policies.rollback(request);
  confirm: ControlHandlers['confirm'] = () => this.#policies.confirm();

  async status(): Promise<Status> {
    const files = await this.#ports.policy.digest();
    const pauses = { ...this.#pauses, main: Math.round(this.#pauses.main * 10) / 10 };
    this.#pauses = { ...this.#pauses, main: 0 };
    return statusOf({
      inForce: this.#policies.inForce,
      files,
      now: this.#now,
      ages: this.#ages,
      at: this.#ports.now(),
      startedAt: this.#ports.startedAt,
      guarded: this.#guarded,
      troubles: this.#troubles.list(),
      repairs: this.#mending.repairs,
      pending: this.#policies.pending,
      lastLine: this.#ports.kernel.lastLine(),
      counts: this.#counts,
      pauses,
      engine: this.#ports.engine.address,
      backend: this.#ports.kernel.backend,
      narrower: this.#now === null ? [] : this.#ports.kernel.narrower(this.#now.ruleset),
      drift: this.#mending.drift,
    });
  }
}

/** What a process begins with: what was remembered stands, and the files are read. @throws NoPolicyError */
async function remembered(ports: DaemonPorts): Promise<Handed> {
  const { policy, host, rules, repairs, notices } = await ports.memory.open(ports.now());
  for (const notice of notices) ports.log('warning', notice);
  await holdRemembered(ports, rules); // policies come after: reading others' files may take its time
  const beginning = begin(await ports.policy.read(false), policy, notices.length > 0, ports.policy, ports.now());
  return { beginning, written: policy, host, rules, repairs };
}
