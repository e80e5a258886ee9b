import type { Barred } from '../ruleset/ruleset.ts';
import type { Look } from './looks.ts';

/** A port that the guard has barred, and because of whom. */
export interface BarredPort extends Barred {
  /** Engine id, 64 hex digits. */
  readonly container: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** So many containers of others are remembered: engines that are not ours, on the same host. */
const mostStrangers = 4_096;

/**
 * Ports that the guard has barred because of a container that nobody had told of: they stay so until the engine was read after
 * that, and told of it, and of whose port it is. What it lists not at all is another engine's, and none of our business.
 */
export class BarredPorts {
  readonly #all = new Map<number, BarredPort>();
  #strangers: ReadonlySet<string> = new Set();

  bar(port: Barred, container: string, since: number): void {
    this.#all.set(port.index, { ...port, container, since });
  }

  gone(port: number): void {
    this.#all.delete(port);
  }

  has(port: number): boolean {
    return this.#all.has(port);
  }

  /** Ids of containers that are not this engine's. */
  get strangers(): ReadonlySet<string> {
    return this.#strangers;
  }

  /** Those who are barred, for people: container and port. */
  get all(): readonly BarredPort[] {
    return [...this.#all.values()];
  }

  /** Those that stay barred when this was seen; the others are let go. */
  after({ world: { containers, unidentified = [] }, at, late }: Look): readonly Barred[] {
    if (this.#all.size === 0) return [];
    const told = new Set(containers.map(({ id }) => id));
    const found = new Set(containers.flatMap(({ endpoints }) => endpoints.flatMap(({ port }) => port?.index ?? [])));
    for (const { index, container, since } of this.#all.values()) {
      if (at <= since) continue;
      const isTold = told.has(container);
      if (isTold && !found.has(index)) continue; // whose it is would be judged by nothing
      if (!isTold && (late.has(container) || unidentified.some(({ id }) => id === container))) continue;
      if (!isTold) this.#remember(container);
      this.#all.delete(index);
    }
    return [...this.#all.values()].map(({ name, index }) => ({ name, index })).toSorted((a, b) => a.index - b.index);
  }

  #remember(stranger: string): void {
    const strangers = [...this.#strangers, stranger];
    this.#strangers = new Set(strangers.slice(-mostStrangers));
  }
}
