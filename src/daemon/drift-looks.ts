import type { RuleChanger } from '../netlink/rule-events.ts';
import type { Drift } from './holder.ts';
import { messageOf } from './ports.ts';

/** What looking for drift needs of the daemon. */
interface DriftPorts {
  /** Reads the kernel; null: all is as it was made, or a change is on its way. */
  readonly look: () => Promise<Drift | null>;
  /** Somebody has changed something; resolves when it is put back. */
  readonly found: (drift: Drift, by: RuleChanger) => Promise<void>;
  readonly failed: (reason: string) => void;
}

/** Milliseconds between two looks at least, and at most. */
const least = 2_000;
const most = 60_000;
/** One part in so many of the time is spent looking. */
const share = 50;
/** The same when the kernel has told that something of iptables changed, which may be Docker's; and the least pause then. */
const shareWhenTold = 10;
const leastWhenTold = 200;

/** Whoever it was: legacy tables and sets do not tell. */
const nobodyKnows: RuleChanger = { portId: 0, process: 0, name: '' };

/**
 * Looks for what others have changed where the kernel does not tell of it: again and again, the more seldom the longer a look
 * takes, and soon after it has told of a change of any of iptables' tables, as nf_tables does.
 */
export class DriftLooks {
  readonly #ports: DriftPorts;
  #every = least;
  #took: number | null = null;
  #timer: NodeJS.Timeout | null = null;
  #due = 0;
  #looking: Promise<void> | null = null;
  #told: RuleChanger | null = null;
  #ended = false;

  constructor(ports: DriftPorts) {
    this.#ports = ports;
  }

  /** Milliseconds: how long at most something stands changed that nobody has told of, and what one look took last. */
  get pace(): { readonly every: number; readonly took: number | null } {
    return { every: this.#every, took: this.#took };
  }

  begin(): void {
    this.#next(this.#every);
  }

  /** The kernel has told of a change that was not ours. */
  told(by: RuleChanger): void {
    this.#told = by;
    this.#next(this.#soon);
  }

  async end(): Promise<void> {
    this.#ended = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#looking;
  }

  get #soon(): number {
    return Math.max(leastWhenTold, shareWhenTold * (this.#took ?? 0));
  }

  /** The earlier of what was due and this counts. */
  #next(wait: number): void {
    if (this.#ended || this.#looking !== null) return;
    const due = performance.now() + wait;
    if (this.#timer !== null) {
      if (this.#due <= due) return;
      clearTimeout(this.#timer);
    }
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#looking = this.#look().finally(() => {
        this.#looking = null;
        this.#next(this.#told === null ? this.#every : this.#soon);
      });
    }, wait);
  }

  async #look(): Promise<void> {
    const by = this.#told ?? nobodyKnows;
    this.#told = null;
    const started = performance.now();
    try {
      const drift = await this.#ports.look();
      this.#took = Math.round(performance.now() - started);
      this.#every = Math.min(most, Math.max(least, this.#took * share));
      if (drift !== null && !this.#ended) await this.#ports.found(drift, by);
    } catch (error) {
      this.#ports.failed(messageOf(error));
    }
  }
}
