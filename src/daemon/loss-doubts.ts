/** Milliseconds between two of them at least, and at most. */
const pauses = { least: 60_000, most: 30 * 60_000 } as const;

/**
 * When what stands is to be doubted because the kernel could not tell of every change of rules: at once, or, soon after it was
 * doubted, a while later, for filling everything anew may itself be more than the kernel can tell. Then the while grows, but no
 * loss is forgotten.
 */
export class LossDoubts {
  readonly #doubt: () => void;
  #last = Number.NEGATIVE_INFINITY;
  #pause: number = pauses.least;
  #owed: NodeJS.Timeout | null = null;

  /** @param doubt fills everything anew */
  constructor(doubt: () => void) {
    this.#doubt = doubt;
  }

  lost(): void {
    if (this.#owed !== null) return;
    const rest = this.#last + this.#pause - performance.now();
    if (rest <= 0) this.#now();
    else this.#owed = setTimeout(() => this.#now(), rest).unref();
  }

  end(): void {
    if (this.#owed !== null) clearTimeout(this.#owed);
    this.#owed = null;
  }

  #now(): void {
    const now = performance.now();
    const isAgain = now - this.#last < 2 * this.#pause;
    this.#pause = isAgain ? Math.min(2 * this.#pause, pauses.most) : pauses.least;
    this.#last = now;
    this.#owed = null;
    this.#doubt();
  }
}
