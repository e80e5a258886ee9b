import type { After } from './lookout.ts';

interface GlancesPorts {
  /** Looks at the newcomers of a network. */
  look(network: string): void;
  /** When the youngest came of those nobody is known for; null when there are none. */
  youngest(network: string): number | null;
  /** Milliseconds since the epoch. */
  now(): number;
  after: After;
}

/**
 * Milliseconds between two looks, by how long the youngest newcomer has been there. When its other end goes up the kernel
 * tells at once, and then it is looked at anyway: this is for what is told late, such as a change in between two listings.
 */
const paces = [
  { until: 100, pause: 5 },
  { until: 1_000, pause: 20 },
  { until: 5_000, pause: 100 },
] as const;

/** Looks at the newcomers of a network again and again, while they are young. */
export class Glances {
  readonly #ports: GlancesPorts;
  /** What calls the next look off, by network. */
  readonly #next = new Map<string, () => void>();

  constructor(ports: GlancesPorts) {
    this.#ports = ports;
  }

  /** Looks now, and goes on. */
  wake(network: string): void {
    this.#next.get(network)?.();
    this.#next.delete(network);
    this.#ports.look(network);
    const youngest = this.#ports.youngest(network);
    if (youngest === null) return;
    const age = this.#ports.now() - youngest;
    const pace = paces.find(({ until }) => age < until);
    if (pace === undefined) return;
    this.#next.set(
      network,
      this.#ports.after(pace.pause, () => this.wake(network)),
    );
  }
}
