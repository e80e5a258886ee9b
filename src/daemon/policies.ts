import type { ApplyAnswer, ApplyRequest, ConfirmAnswer, Cut, RollbackRequest } from '../control/protocol.ts';
import { EngineError } from '../docker/engine-error.ts';
import type { ForbiddenFlow } from '../enforce/forbidden.ts';
import { formatAddress } from '../ip/address.ts';
import type { Policy } from '../policy/model.ts';
import { StateError } from '../state/part.ts';
import { confirmed, goneBack, type PendingConfirm, type PolicyState, putInForce } from '../state/policy-state.ts';
import type { Keeper } from './keeper.ts';
import type { InForce } from './policy-in-force.ts';
import { type DaemonPorts, messageOf, type PolicyReading } from './ports.ts';
import type { Troubles } from './troubles.ts';
import { Turns } from './turns.ts';

/** For whoever waits for a confirmation to go back himself, milliseconds. */
const grace = 20_000;
/** Milliseconds between two tries to put files in force that were refused again: each one fills the kernel twice. */
const patience = 50_000;

type GoodFiles = Extract<PolicyReading, { kind: 'good' }>;

/** What is to be put in force, found out when it is its turn; or why nothing is. */
type Next =
  | { readonly kind: 'policy'; readonly policy: Policy; readonly state: PolicyState }
  | { readonly kind: 'answer'; readonly answer: ApplyAnswer };

/** How a turn went, and what of it is still being written down: what could not be. */
interface Enforced {
  readonly answer: ApplyAnswer;
  readonly saving?: Promise<readonly string[]>;
}

/** Good files that were read and are not in force, for a reason that may pass. */
interface Untaken {
  readonly digest: string;
  /** They are not tried again before, milliseconds of {@link DaemonPorts.elapsed}. */
  readonly notBefore: number;
}

/** What putting a policy in force needs of the daemon. `Look` is whatever it has read of the host. */
export interface PolicyHooks<Look> {
  /** What runs now or ran last; the error when nothing was ever read. It does not reject. */
  readonly look: () => Promise<Look | EngineError>;
  /** Makes the kernel hold the policy in force, in the caller's turn. */
  readonly hold: (look: Look) => Promise<readonly ForbiddenFlow[]>;
  /** The kernel may not hold what it should: it is looked at again. */
  readonly doubt: () => void;
  /** Files wait to be taken: a pass is to come. */
  readonly untaken: () => void;
  /** Another policy is in force. */
  readonly used: (policy: Policy) => void;
}

/** Which policy is in force, which one was before, and whether the change waits for its confirmation. */
export class Policies<Look> {
  readonly #ports: Pick<DaemonPorts, 'policy' | 'memory' | 'now' | 'elapsed' | 'log' | 'onNothingBefore'>;
  readonly #turns: Turns;
  /** In which the files are read and what they say is put in force, so that no older reading comes after a newer one. */
  readonly #readings = new Turns();
  readonly #troubles: Troubles;
  readonly #keeper: Keeper;
  readonly #hooks: PolicyHooks<Look>;
  #state: PolicyState;
  #inForce: InForce;
  /** Whether what is in force is still to be written down. */
  #unwritten = false;
  #untaken: Untaken | null = null;
  #isEnding = false;

  constructor(
    ports: Pick<DaemonPorts, 'policy' | 'memory' | 'now' | 'elapsed' | 'log' | 'onNothingBefore'>,
    parts: { readonly turns: Turns; readonly troubles: Troubles; readonly keeper: Keeper },
    begun: { readonly state: PolicyState; readonly inForce: InForce },
    hooks: PolicyHooks<Look>,
  ) {
    this.#ports = ports;
    this.#turns = parts.turns;
    this.#troubles = parts.troubles;
    this.#keeper = parts.keeper;
    this.#state = begun.state;
    this.#inForce = begun.inForce;
    this.#hooks = hooks;
  }

  get inForce(): InForce {
    return this.#inForce;
  }

  get state(): PolicyState {
    return this.#state;
  }

  /** Nothing is put in force after the turn that is under way. */
  end(): void {
    this.#isEnding = true;
  }

  get pending(): PendingConfirm | null {
    return this.#state.pending;
  }

  /**
   * Takes the policy as its files say when it is its turn; with an error the last good one stays. Good files that are refused
   * are tried again by {@link takeUntaken}.
   */
  reload(): Promise<void> {
    return this.#readings.take(async () => this.#reload(await this.#ports.policy.read(true)));
  }

  /**
   * To be called when the kernel holds what is in force: what was refused before may be taken now. Files that have changed since
   * nobody has asked for yet.
   */
  takeUntaken(): Promise<void> {
    return this.#readings.take(async () => {
      if (this.#untaken === null || this.#ports.elapsed() < this.#untaken.notBefore) return;
      const { digest } = this.#untaken;
      if ((await this.#ports.policy.digest()) !== digest)
        return this.#forgetUntaken('the files say something else again');
      const files = await this.#ports.policy.read(true);
      if (files.kind === 'bad' || files.digest === digest) await this.#reload(files);
    });
  }

  async #reload(files: PolicyReading): Promise<void> {
    if (files.kind === 'bad') {
      this.#forgetUntaken('the files are in error now');
      return this.isBad(files.message);
    }
    const answer = await this.#enforce(() => {
      // nothing new is said: what waits to be confirmed still waits, and what was rolled back from stays out
      const { current, rejected, pending } = this.#state;
      if (files.digest !== current?.digest && files.digest !== rejected) return this.#taken(files, null);
      this.#troubles.end('policy-bad', 'the policy is good');
      return { kind: 'answer', answer: { ok: true, digest: current?.digest ?? null, cut: [], pending, warnings: [] } };
    });
    if (answer.ok) this.#forgetUntaken('the files are taken');
    else if (answer.code !== 'ending') this.#isUntaken(files.digest, answer);
  }

  /** @param refusal the first is tried again with the next pass, and so is what only waits for the engine */
  #isUntaken(digest: string, { code, message }: Extract<ApplyAnswer, { ok: false }>): void {
    const isSoon = this.#untaken?.digest !== digest || code === 'engine-gone';
    this.#untaken = { digest, notBefore: this.#ports.elapsed() + (isSoon ? 0 : patience) };
    const fix = 'mend what the message names; it is tried again, or sluice apply';
    this.#troubles.add('not-taken', `the files are good and are not in force yet: ${message}`, fix);
    this.#hooks.untaken();
  }

  #forgetUntaken(why: string): void {
    this.#untaken = null;
    this.#troubles.end('not-taken', why);
  }

  apply(request: ApplyRequest): Promise<ApplyAnswer> {
    return this.#readings.take(() => this.#apply(request));
  }

  async #apply({ digest, confirm }: ApplyRequest): Promise<ApplyAnswer> {
    const files = await this.#ports.policy.read(true);
    if (files.kind === 'bad') {
      this.isBad(files.message);
      return { ok: false, code: 'bad-policy', message: files.message };
    }
    if (files.digest !== digest) {
      const message = 'the policy files changed while they were being read: apply again';
      return { ok: false, code: 'changed-meanwhile', message };
    }
    this.#forgetUntaken('whoever applies them is told'); // and may want them confirmed
    return this.#enforce(() => this.#taken(files, confirm === undefined ? null : { digest, ...confirm }));
  }

  #taken({ policy, texts }: GoodFiles, pending: PendingConfirm | null): Next {
    const state = putInForce(this.#state, texts, { now: this.#ports.now(), before: 'unknown', pending });
    return { kind: 'policy', policy, state };
  }

  /**
   * Goes back to the policy before, also where that cannot be remembered. What the files say is not taken again until they
   * change.
   */
  rollback({ by, token }: RollbackRequest): Promise<ApplyAnswer> {
    return this.#enforce(() => {
      if (by === 'confirm-expired' && this.#state.pending?.token !== token)
        return refusal('not-pending', 'this change does not wait to be confirmed');
      const state = goneBack(this.#state, by, this.#ports.now());
      const current = state?.current ?? null;
      const policy = current === null ? null : this.#ports.policy.recall(current.texts);
      if (state === null || policy === null)
        return refusal('nothing-before', 'there is no policy before this one to go back to');
      this.#forgetUntaken('going back to the policy before');
      return { kind: 'policy', policy, state };
    });
  }

  /**
   * Keeps what was put in force until confirmed.
   *
   * @throws StateError; the change still waits
   */
  confirm(): Promise<ConfirmAnswer> {
    return this.#turns.take(async () => {
      const state = confirmed(this.#state);
      if (state === null) return { confirmed: false };
      await this.#mustWrite(state);
      this.#state = state;
      this.#ports.log('info', 'the change is confirmed: it stays');
      return { confirmed: true };
    });
  }

  /** Whoever waits for a confirmation goes back in time; after a reboot there may be nobody who waits. */
  async goBackWhenOverdue(): Promise<void> {
    const { pending } = this.#state;
    if (pending === null || this.#ports.now() < pending.until + grace) return;
    this.#ports.log('warning', 'the change was not confirmed in time: going back to the policy before');
    if (this.#state.previous === 'nothing') return this.#ports.onNothingBefore();
    const answer = await this.rollback({ by: 'confirm-expired', token: pending.token });
    if (!answer.ok) this.#ports.log('error', `could not go back: ${answer.message}`);
  }

  isBad(message: string): void {
    const fix = 'mend it (sluice check shows where), then sluice apply; the last good policy stays in force';
    this.#troubles.add('policy-bad', message, fix);
  }

  /**
   * Puts a policy in force, or leaves the one that is. It is remembered before it is answered for.
   *
   * @param find called when it is its turn: what was asked meanwhile counts
   */
  async #enforce(find: () => Next): Promise<ApplyAnswer> {
    const look = await this.#hooks.look();
    const { answer, saving } = await this.#turns.take(async (): Promise<Enforced> => {
      if (this.#isEnding) return { answer: { ok: false, code: 'ending', message: 'the daemon ends' } };
      const next = find();
      if (next.kind === 'answer') return { answer: next.answer };
      if (look instanceof EngineError) return { answer: { ok: false, code: 'engine-gone', message: look.message } };
      return this.#putInForce(next.policy, next.state, look);
    });
    if (!answer.ok || saving === undefined) return answer;
    return { ...answer, warnings: [...answer.warnings, ...(await saving)] };
  }

  async #putInForce(policy: Policy, state: PolicyState, look: Look): Promise<Enforced> {
    const before = { inForce: this.#inForce, state: this.#state };
    try {
      const unwritten = await this.#write(state);
      this.#state = state;
      this.#use({ policy, record: state.current });
      const cut = await this.#hooks.hold(look);
      // begun in this turn and waited for after it: the next change does not wait for a slow disk, and what is written is
      // always something that was held, in the order in which it was
      const saving = this.#keeper.save();
      this.#troubles.end('policy-bad', 'the policy is good');
      this.#troubles.end('denying-all', 'a policy is in force again');
      const { current, pending } = state;
      if (current !== null) this.#ports.log('info', cameInForce(current, pending, cut.length));
      const digest = current?.digest ?? null;
      return { answer: { ok: true, digest, cut: cut.map(cutOf), pending, warnings: unwritten }, saving };
    } catch (error) {
      if (error instanceof StateError)
        return { answer: { ok: false, code: 'state-unwritable', message: error.message } };
      this.#use(before.inForce);
      this.#state = before.state;
      await this.#tryToWrite(before.state);
      this.#hooks.doubt();
      return { answer: { ok: false, code: 'kernel-refused', message: messageOf(error) } };
    }
  }

  /**
   * A new policy is in force only where it is remembered. Going back cannot wait for that: it is told, and tried again.
   *
   * @returns what could not be written
   * @throws StateError
   */
  async #write(state: PolicyState): Promise<readonly string[]> {
    if (state.current?.by !== 'files') return this.#tryToWrite(state);
    await this.#mustWrite(state);
    return [];
  }

  /** @throws StateError; what may be there all the same is not in force, so what is will be written again */
  async #mustWrite(state: PolicyState): Promise<void> {
    try {
      await this.#ports.memory.writePolicy(state);
    } catch (error) {
      this.#unwritten = true;
      throw error;
    }
    this.#unwritten = false;
    this.#keeper.written('the policy');
  }

  async #tryToWrite(state: PolicyState): Promise<readonly string[]> {
    const failed = await this.#keeper.attempt('the policy', () => this.#ports.memory.writePolicy(state));
    this.#unwritten = failed.length > 0;
    return failed;
  }

  /** Writes down what is in force and could not be written. Nothing waits for that: where it fails it is told. */
  remember(): Promise<void> {
    return this.#turns.take(async () => {
      if (this.#unwritten) await this.#tryToWrite(this.#state);
    });
  }

  #use(inForce: InForce): void {
    this.#inForce = inForce;
    this.#hooks.used(inForce.policy);
  }
}

function refusal(code: Extract<ApplyAnswer, { ok: false }>['code'], message: string): Next {
  return { kind: 'answer', answer: { ok: false, code, message } };
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
