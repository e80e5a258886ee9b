/** Milliseconds after a pass that could not be made, or was refused. */
const retry = 1_000;
/**
 * Milliseconds: what is no hurry waits until nothing more came for so long, but not for longer than the second of these:
 * looks would stand in the way of newcomers, and ask an engine that is busy starting them.
 */
const calm = { after: 150, atMost: 1_000 } as const;

/** When to look at what runs: one pass after the other, as often as somebody says that something may have changed. */
export class Passes {
  readonly #pass: () => Promise<'done' | 'again later'>;
  #wanted = false;
  #passing: Promise<void> | null = null;
  /** The pass that is no hurry, and when it was first wanted (performance.now()). */
  #soon: { readonly since: number; readonly timer: NodeJS.Timeout } | null = null;
  #retrying: NodeJS.Timeout | null = null;
  #ended = false;

  /** `pass` is not called while one is under way; it does not reject. */
  constructor(pass: () => Promise<'done' | 'again later'>) {
    this.#pass = pass;
  }

  /** A pass begins after this; one that is under way is followed by another. */
  wake(): void {
    this.#forgetSoon();
    this.#wanted = true;
    if (this.#ended || this.#passing !== null) return;
    this.#passing = this.#all().finally(() => {
      this.#passing = null;
      if (this.#wanted && !this.#ended && this.#retrying === null) this.wake();
    });
  }

  /** For what is no hurry, since the guard has seen to it or nobody waits. */
  wakeSoon(): void {
    if (this.#ended) return;
    const now = performance.now();
    const { since } = this.#soon ?? { since: now };
    this.#forgetSoon();
    const wait = Math.min(calm.after, Math.max(0, since + calm.atMost - now));
    this.#soon = { since, timer: setTimeout(() => this.#wakeUnlessPassing(), wait) };
  }

  /** A second from now. */
  wakeLater(): void {
    if (this.#ended) return;
    this.#retrying ??= setTimeout(() => {
      this.#retrying = null;
      this.wake();
    }, retry);
  }

  /** Whether another was asked for since the one that is under way began, which takes it upon itself. */
  takeWanted(): boolean {
    const isWanted = this.#wanted;
    this.#wanted = false;
    return isWanted;
  }

  /** No other begins; resolves when the last is over. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#forgetSoon();
    if (this.#retrying !== null) clearTimeout(this.#retrying);
    await this.#passing;
  }

  async #all(): Promise<void> {
    while (this.#wanted && !this.#ended) {
      this.#wanted = false;
      if ((await this.#pass()) === 'again later') return this.wakeLater();
    }
  }

  /** A pass that is under way is not taken once more for it: the next one begins when that one's change is made. */
  #wakeUnlessPassing(): void {
    this.#soon = null;
    if (this.#passing === null) return this.wake();
    void this.#passing.then(() => this.wakeSoon());
  }

  #forgetSoon(): void {
    if (this.#soon !== null) clearTimeout(this.#soon.timer);
    this.#soon = null;
  }
}
