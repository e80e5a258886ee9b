import type { Barred } from '../ruleset/ruleset.ts';
import type { Look } from './looks.ts';

/** A port that the guard has barred, and because of whom. */
export interface BarredPort extends Barred {
  /** Engine id, 64 hex digits. */
  readonly container: string;
  /** Milliseconds by a clock that nobody sets. */
  readonly since: number;
}

/** What stays barred once something is held, and what to do when it is. */
interface AfterLook {
  readonly barred: readonly Barred[];
  readonly held: () => void;
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

  /** Those that stay barred when this was seen; the others are let go when that is held. */
  after({ world: { containers, unidentified = [] }, at, late }: Look): AfterLook {
    if (this.#all.size === 0) return { barred: [], held: () => {} };
    const told = new Set(containers.map(({ id }) => id));
    const found = new Set(containers.flatMap(({ endpoints }) => endpoints.flatMap(({ port }) => port?.index ?? [])));
    const isLetGo = ({ index, container, since }: BarredPort) => {
      if (at <= since) return false;
      if (told.has(container)) return found.has(index); // else whose it is would be judged by nothing
      return !late.has(container) && !unidentified.some(({ id }) => id === container);
    };
    const gone = [...this.#all.values()].filter(isLetGo);
    const barred = [...this.#all.values()]
      .filter((port) => !gone.includes(port))
      .map(({ name, index }) => ({ name, index }))
      .toSorted((a, b) => a.index - b.index);
    const held = () => {
      for (const port of gone) {
        if (this.#all.get(port.index) !== port) continue; // barred anew
        if (!told.has(port.container)) this.#remember(port.container);
        this.#all.delete(port.index);
      }
    };
    return { barred, held };
  }

  #remember(stranger: string): void {
    const strangers = [...this.#strangers, stranger];
    this.#strangers = new Set(strangers.slice(-mostStrangers));
  }
}
