import type { Member } from './members.ts';

/** Calls back once, after so many milliseconds; what it returns calls that off. */
export type After = (milliseconds: number, call: () => void) => () => void;

export interface LookoutPorts {
  /** Asks the engine who is on the network. */
  ask(): Promise<readonly Member[]>;
  /**
   * Takes what an answer says.
   *
   * @param asked when it was asked for: somebody who came later need not be in it
   */
  take(members: readonly Member[], asked: number): void;
  /** When the youngest came of those somebody is looking for; null when nobody is. */
  youngest(): number | null;
  now(): number;
  after: After;
}

/**
 * Milliseconds between an answer and the next question, by how long the youngest newcomer has been looked for. The engine
 * lists a newcomer some 30 ms after its port (28.5), or 70 (26.1); what is never listed, such as a build of BuildKit's,
 * must not keep the engine busy.
 */
const paces = [
  { until: 250, pause: 1 },
  { until: 2_000, pause: 5 },
  { until: 10_000, pause: 20 },
  { until: Number.POSITIVE_INFINITY, pause: 100 },
] as const;

/**
 * Asks who is on one network, again and again while somebody there is looked for: one question at a time, whoever many
 * there are, and never more of the engine's time than half.
 */
export class Lookout {
  readonly #ports: LookoutPorts;
  #asking = false;
  #again = false;
  #callOff: (() => void) | null = null;

  constructor(ports: LookoutPorts) {
    this.#ports = ports;
  }

  /** Asks now, or as soon as the answer that is under way is here. */
  wake(): void {
    this.#callOff?.();
    this.#callOff = null;
    if (this.#asking) this.#again = true;
    else this.#ask();
  }

  #ask(): void {
    if (this.#ports.youngest() === null) return;
    this.#asking = true;
    this.#again = false;
    const asked = this.#ports.now();
    this.#ports.ask().then(
      (members) => this.#answered(asked, members),
      () => this.#answered(asked, null), // an engine that does not answer is asked again, at the pace of everything else
    );
  }

  #answered(asked: number, members: readonly Member[] | null): void {
    this.#asking = false;
    if (members !== null) this.#ports.take(members, asked);
    const youngest = this.#ports.youngest();
    if (youngest === null) return;
    const now = this.#ports.now();
    const pause = paces.find(({ until }) => now - youngest < until)?.pause ?? 100;
    // a question that could not even be asked took no time: without a least pause it would be asked in a circle
    const wait = this.#again && members !== null ? 0 : Math.max(pause, now - asked, members === null ? 10 : 0);
    if (wait === 0) return this.#ask();
    this.#callOff = this.#ports.after(wait, () => {
      this.#callOff = null;
      this.#ask();
    });
  }
}
