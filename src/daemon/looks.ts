import type { World } from '../world/world.ts';
import { Turns } from './turns.ts';

/** What ran at one moment. */
export interface Look {
  readonly world: World;
  /** Counts readings. */
  readonly number: number;
  /** When its reading began, in milliseconds of {@link LookPorts.elapsed}; of an older one, when that did. */
  readonly at: number;
  /** Ports that had gone before it was read. */
  readonly left: readonly number[];
  /** Containers of which the engine's word was not waited for. */
  readonly late: ReadonlySet<string>;
}

/** Where looks come from. */
export interface LookPorts {
  /** Milliseconds by a clock that nobody sets. */
  readonly elapsed: () => number;
  /** What runs, as the engine says. @throws EngineError */
  readonly readWorld: () => Promise<World>;
  /** Ports that have gone. */
  readonly left: () => readonly number[];
  /** See {@link Look.late}, of the last reading. */
  readonly late: () => ReadonlySet<string>;
  /** The engine has answered. */
  readonly answered: () => void;
}

/** Readings of what runs, one at a time since the mirror keeps what it has asked, and the one that the kernel was held to last. */
export class Looks {
  readonly #ports: LookPorts;
  readonly #turns = new Turns();
  #count = 0;
  #held: Look | null = null;

  constructor(ports: LookPorts) {
    this.#ports = ports;
  }

  /** What runs now. @throws EngineError */
  next(): Promise<Look> {
    return this.#turns.take(async () => {
      const left = this.#ports.left();
      const at = this.#ports.elapsed();
      const world = await this.#ports.readWorld();
      this.#ports.answered();
      return { world, number: ++this.#count, at, left, late: this.#ports.late() };
    });
  }

  /**
   * What ran when the engine was last seen, to be held to while it is away; null before the first time. It lets no new bridge
   * open: an engine that lives and cannot be read may have put anybody there.
   */
  get last(): Look | null {
    return this.#held;
  }

  /** Whether the kernel has not been held to this look, nor to a later one. */
  isNew({ number }: Look): boolean {
    return number > (this.#held?.number ?? 0);
  }

  /** A look, or the later one that the kernel was held to meanwhile. */
  latest(look: Look): Look {
    return this.#held !== null && look.number < this.#held.number ? { ...this.#held, left: look.left } : look;
  }

  /** The kernel is held to this one. */
  held(look: Look): void {
    this.#held = { ...look, left: [] };
  }
}
