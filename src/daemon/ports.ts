import type { Trouble } from '../control/protocol.ts';
import type { EngineNotice } from '../docker/events.ts';
import type { EngineMirror } from '../docker/mirror.ts';
import type { Policy } from '../policy/model.ts';
import type { PolicyText } from '../policy/read.ts';
import type { Barred } from '../ruleset/ruleset.ts';
import type { Store } from '../state/store.ts';
import type { FromGuard, ToGuard } from './guard/protocol.ts';
import type { HeldIn } from './holder.ts';

/** Everything outside that the daemon touches; run.ts makes the real ones, tests have fakes. */
export interface DaemonPorts {
  /** Milliseconds since the epoch: what people are told, and what they say. */
  readonly now: () => number;
  /** Milliseconds by a clock that nobody sets. */
  readonly elapsed: () => number;
  /** When the process began, milliseconds since the epoch. */
  readonly startedAt: number;
  readonly policy: PolicyPort;
  readonly memory: MemoryPort;
  /** Names this boot of the kernel. */
  readonly boot: string;
  readonly engine: EnginePort;
  readonly kernel: KernelPort;
  /** The host's bridges now, those of others among them. Throws a NetlinkError. */
  readonly bridges: () => readonly Barred[];
  /** Starts the guard thread. Throws where there is no room for one. */
  readonly guard: (hear: (message: FromGuard) => void) => GuardPort;
  /** What is wrong from the beginning to the end. */
  readonly lacks: readonly Omit<Trouble, 'since'>[];
  /** Called when a burst of work is over and written down. */
  readonly onCalm: () => void;
  /** Called once a minute, whatever happens. */
  readonly onMinute: () => void;
  /**
   * Called when a change is to be taken back before which nothing was in force. A daemon always holds something: it has to end,
   * and its rules to go.
   */
  readonly onNothingBefore: () => void;
  readonly log: Log;
}

export type Log = (level: 'info' | 'warning' | 'error', text: string) => void;

export interface PolicyPort {
  /**
   * The policy as its files say now.
   *
   * @param tests whether a failing test makes it bad; not so at start, where a stale file must not stop the guard
   */
  read(tests: boolean): Promise<PolicyReading>;
  /** The digest of the files as they are now; null when they cannot be read. */
  digest(): Promise<string | null>;
  /** Its files and the folders of which every file counts, to be watched. Absolute paths. */
  places(): Promise<{ readonly files: readonly string[]; readonly folders: readonly string[] }>;
  /** A policy that was in force before, from its texts; null when this program cannot read it any more. */
  recall(texts: readonly PolicyText[]): Policy | null;
}

export type PolicyReading =
  | { readonly kind: 'good'; readonly policy: Policy; readonly texts: readonly PolicyText[]; readonly digest: string }
  /** `message` says what is wrong, in lines for people; the digest is null when files could not be read at all. */
  | { readonly kind: 'bad'; readonly message: string; readonly digest: string | null };

/**
 * What is remembered over restarts: the state directory's store. A write that fails throws a StateError: what was there
 * stands then, or the new where only a crash may take it away.
 */
export type MemoryPort = Pick<
  Store,
  'open' | 'writePolicy' | 'writeApplied' | 'writeHost' | 'writeRules' | 'writeRepairs'
>;

export interface EnginePort {
  /** As people write it. */
  readonly address: string;
  /** Its readings throw an EngineError while there is no engine. */
  mirror(onLate: () => void): EngineMirror;
  follow(hear: (notice: EngineNotice) => void): { stop(): void };
}

export interface KernelPort extends HeldIn {
  /** Whether a netlink port id is, or was, a command of ours. */
  isOwn(portId: number): boolean;
}

export interface GuardPort {
  post(message: ToGuard): void;
  stop(): Promise<void>;
}

/** What went wrong, for people. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
