import type { CanUndo } from '../doctor/undoing.ts';
import type { Narrower } from '../ruleset/narrower.ts';
import type { TroubleCode } from './trouble.ts';

/**
 * What the daemon says over its control socket: HTTP over a unix socket, JSON bodies, `/v1/…`.
 *
 *   GET  /v1/status    Status
 *   POST /v1/apply     ApplyRequest → ApplyAnswer       the policy as it is written now, by another backend where one is named
 *   POST /v1/rollback  RollbackRequest → ApplyAnswer    the policy that was in force before
 *   POST /v1/confirm   {} → ConfirmAnswer               keeps what `apply --confirm` put in force
 *   POST /v1/stop      {} → {}                          the daemon ends; the kernel stays as it is
 *
 * Anything else is answered with a status of 400 and above and a {@link Refusal}.
 */

/** What the daemon does when it is asked. Each may take its time; none is called twice at once for the same client. */
export interface ControlHandlers {
  status(): Promise<Status>;
  apply(request: ApplyRequest): Promise<ApplyAnswer>;
  rollback(request: RollbackRequest): Promise<ApplyAnswer>;
  confirm(): Promise<ConfirmAnswer>;
  /** Called after the answer has left; the daemon then ends. */
  stop(): void;
}

export interface Refusal {
  readonly error: { readonly code: 'unknown' | 'bad-request' | 'too-large' | 'failed'; readonly message: string };
}

/** Why the daemon is not simply enforcing. Stable words for scripts. */
export interface Trouble {
  readonly code: TroubleCode;
  readonly message: string;
  /** The next step. */
  readonly fix: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** Facts about the daemon; what containers may reach is compiled by whoever shows it. */
export interface Status {
  readonly version: 1;
  readonly state: 'enforcing' | 'audit' | 'degraded';
  readonly troubles: readonly Trouble[];
  readonly pid: number;
  readonly startedAt: number;
  /** In what the rules are held. */
  readonly backend: 'nftables' | 'iptables-nft' | 'iptables-legacy';
  /** How it comes to know of rules that others change; `every` and `took` are milliseconds, the latter of the last look. */
  readonly drift:
    | { readonly kind: 'told' }
    | { readonly kind: 'looked-for'; readonly every: number; readonly took: number | null };
  /** Of the table that holds while all others are flushed (docs/decisions/0013-last-line.md). */
  readonly lastLine: LastLineState;
  readonly engine: { readonly version: string; readonly address: string } | null;
  readonly policy: PolicyInForce | null;
  /** Whether the files say something else than what is in force; null: they cannot be read. */
  readonly filesDiffer: boolean | null;
  readonly workloads: readonly WorkloadStatus[];
  /** Containers that no policy names, by name. */
  readonly unnamed: readonly string[];
  /** Entries of labels and x-sluice that ask for more than they may. */
  readonly refused: readonly { readonly workload: string; readonly message: string }[];
  readonly unheld: readonly {
    readonly workload: string;
    readonly container: string;
    readonly reason: string;
    readonly fix: string;
    /** Whether everything it sends there is dropped, since nobody knows it. */
    readonly cutOff: boolean;
  }[];
  /** Who is enforced and has what undoes it. */
  readonly canUndo: readonly CanUndo[];
  /** What the backend holds more narrowly than policy says. */
  readonly narrower: readonly Narrower[];
  readonly repairs: readonly Repair[];
  readonly pending: Pending | null;
  /** Since its start, or since it holds with this backend. */
  readonly counts: {
    readonly reconciles: number;
    readonly seated: number;
    readonly late: number;
    readonly gaps: number;
  };
  /** Longest pause of each thread's event loop since the last status, milliseconds. */
  readonly pauses: { readonly main: number; readonly guard: number };
}

/**
 * - `stands`: it holds what is enrolled.
 * - `unsupported`: the kernel knows no tables that a process owns (Linux 5.12 does).
 * - `taken`: somebody else has made a table of its name.
 * - `failed`: the kernel refused it otherwise; the daemon's log says why. So it is before anything is in force.
 */
export type LastLineState = 'stands' | 'not-with-iptables' | 'unsupported' | 'taken' | 'failed';

export interface PolicyInForce {
  /** SHA-256 over its files, hex. */
  readonly digest: string;
  readonly since: number;
  /** `files`: as written; `rollback`, `confirm-expired`: put back. */
  readonly by: 'files' | 'rollback' | 'confirm-expired';
}

export interface WorkloadStatus {
  readonly project: string | null;
  /** Service, or the container's name outside Compose. */
  readonly name: string;
  readonly mode: 'enforce' | 'audit' | 'off';
  readonly containers: number;
  /** Since when its rules are what they are. */
  readonly since: number;
}

/** Someone changed our tables, and we put them back. */
export interface Repair {
  readonly at: number;
  /** From the kernel's notice to the whole ruleset standing again, milliseconds. */
  readonly took: number;
  /** Process 0: nobody told who it was. */
  readonly by: { readonly process: number; readonly name: string };
  readonly tables: readonly string[];
}

/** A change that goes back by itself, unless it is confirmed in time. */
export interface Pending {
  readonly digest: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** What the rules may be asked to be held with; `iptables` is the variant that has Docker's chains. */
export const askedBackends = ['nftables', 'iptables', 'iptables-nft', 'iptables-legacy'] as const;

export interface ApplyRequest {
  /** It is to hold the rules with this from now on; absent: with what it does. What goes back goes back in that, too. */
  readonly backend?: (typeof askedBackends)[number];
  /** Digest of the texts that the caller has read and checked; another one by now is refused. */
  readonly digest: string;
  /**
   * It goes back by itself; absent: it stays. Whoever asks has started a process that sees to it, which names the change
   * by `token`; the daemon goes back itself when it finds one overdue, as after a reboot.
   */
  readonly confirm?: { readonly until: number; readonly token: string };
}

export interface RollbackRequest {
  readonly by: 'rollback' | 'confirm-expired';
  /** Of `confirm-expired`: only while this very change waits to be confirmed; else the answer is `not-pending`. */
  readonly token?: string;
}

export interface ConfirmAnswer {
  /** False when nothing waited. */
  readonly confirmed: boolean;
}

export type ApplyAnswer =
  | {
      readonly ok: true;
      /** Of what is in force now; null: nothing, since nothing was before. */
      readonly digest: string | null;
      readonly cut: readonly Cut[];
      readonly pending: Pending | null;
      /** What went wrong beside it, such as a full disk. */
      readonly warnings: readonly string[];
    }
  | {
      readonly ok: false;
      readonly code:
        | 'changed-meanwhile'
        | 'bad-policy'
        | 'nothing-before'
        | 'not-pending'
        | 'kernel-refused'
        | 'engine-gone'
        | 'state-unwritable'
        | 'backend-missing'
        | 'ending';
      readonly message: string;
    };

export interface Cut {
  readonly workload: string;
  readonly container: string;
  readonly to: string;
  readonly protocol: number;
  readonly port: number;
}
