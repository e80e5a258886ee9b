import type { Trouble } from '../control/protocol.ts';
import type { Log } from './ports.ts';

/** Milliseconds: what is over so soon is no trouble. */
export const passing = 3_000;

/** What keeps the daemon from simply enforcing, each with the time it began. What is news is logged. */
export class Troubles {
  readonly #all = new Map<Trouble['code'], Trouble>();
  readonly #log: Log;
  readonly #now: () => number;

  /** @param now milliseconds since the epoch */
  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** @param fix the next step */
  add(code: Trouble['code'], message: string, fix: string): void {
    const before = this.#all.get(code);
    this.#all.set(code, { code, message, fix, since: before?.since ?? this.#now() });
    if (before?.message !== message) this.#log('error', `${message}\n${fix}`);
  }

  /** @param message what is well again, where it was not */
  end(code: Trouble['code'], message: string): void {
    if (this.#all.delete(code)) this.#log('info', message);
  }

  list(): readonly Trouble[] {
    return [...this.#all.values()];
  }
}
