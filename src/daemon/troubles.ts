import type { Trouble } from '../control/protocol.ts';

/** What keeps the daemon from simply enforcing, each with the time it began. */
export class Troubles {
  readonly #all = new Map<Trouble['code'], Trouble>();

  /** @returns whether this is news */
  add(code: Trouble['code'], message: string, fix: string, now: number): boolean {
    const before = this.#all.get(code);
    this.#all.set(code, { code, message, fix, since: before?.since ?? now });
    return before?.message !== message;
  }

  /** @returns whether it was there */
  end(code: Trouble['code']): boolean {
    return this.#all.delete(code);
  }

  list(): readonly Trouble[] {
    return [...this.#all.values()];
  }
}
