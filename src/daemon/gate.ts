/** Lets many work together, and now and then one alone. Who comes while one works alone, or waits for that, waits. */
export class Gate {
  #alone: Promise<unknown> = Promise.resolve();
  readonly #together = new Set<Promise<unknown>>();

  /** Does `work` beside others of its kind. */
  together<T>(work: () => Promise<T>): Promise<T> {
    const working = this.#alone.then(work);
    const over = working.then(nothing, nothing);
    this.#together.add(over);
    void over.then(() => this.#together.delete(over));
    return working;
  }

  /** Does `work` when everybody who came before is done, and nobody else meanwhile. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const working = Promise.all([this.#alone, ...this.#together]).then(work);
    this.#alone = working.then(nothing, nothing);
    return working;
  }

  /** Resolves when nobody works alone any more, nor waits for that. */
  async open(): Promise<void> {
    await this.#alone;
  }
}

function nothing(): void {}
