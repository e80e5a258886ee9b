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
 * While somebody has just come: an answer that takes long, as one does beside hundreds of starts, mostly waits for its
 * turn, and tells who was there when its turn came. The next one is asked for meanwhile, some milliseconds apart.
 */
const keen = { until: 250, questions: 4, apart: 10 } as const;

/**
 * An answer that took longer than this, in milliseconds, has mostly waited in the engine, as behind a network's lock while
 * hundreds start: to stay away for as long again leaves the engine no rest, and whoever is there meanwhile unseen.
 */
const longestRest = 50;
/** Milliseconds after somebody has come: from then on an engine has all of its rest. */
const patient = 10_000;

/** Milliseconds after which an engine that does not answer is asked again, at the least. */
const reluctance = 10;

/**
 * Asks who is on one network, again and again while somebody there is looked for: few questions at a time, however many
 * there are, and never more of the engine's time than half, unless that time is waiting.
 */
export class Lookout {
  readonly #ports: LookoutPorts;
  /** Questions that are under way. */
  #open = 0;
  /** Somebody has come since the last question. */
  #again = false;
  #asked = Number.NEGATIVE_INFINITY;
  #answered = Number.NEGATIVE_INFINITY;
  /** When what was last taken had been asked for. */
  #taken = Number.NEGATIVE_INFINITY;
  /** How long the last answer took, in milliseconds. */
  #took = 0;
  #failed = false;
  #callOff: (() => void) | null = null;

  constructor(ports: LookoutPorts) {
    this.#ports = ports;
  }

  /** Asks now, or as soon as may be. */
  wake(): void {
    this.#again = true;
    this.#goOn();
  }

  /** Asks when that is due, and as long as somebody is looked for. */
  #goOn(): void {
    this.#callOff?.();
    this.#callOff = null;
    const youngest = this.#ports.youngest();
    if (youngest === null) return;
    const now = this.#ports.now();
    const isKeen = now - youngest < keen.until && !this.#failed;
    if (this.#open >= (isKeen ? keen.questions : 1)) return; // an answer will come
    const wait = this.#due(isKeen, now - youngest) - now;
    if (wait <= 0) return this.#ask();
    this.#callOff = this.#ports.after(wait, () => this.#goOn());
  }

  /** When the next question is due, in milliseconds since the epoch. */
  #due(isKeen: boolean, age: number): number {
    if (this.#failed) return this.#answered + Math.max(this.#pause(age), this.#took, reluctance);
    if (this.#again && this.#open === 0) return this.#asked; // that is now
    if (!isKeen) {
      const rest = age < patient ? Math.min(this.#took, longestRest) : this.#took;
      return this.#answered + Math.max(this.#pause(age), rest);
    }
    const apart = Math.max(keen.apart, this.#took / keen.questions);
    return this.#asked + (this.#open > 0 ? apart : Math.max(this.#pause(age), Math.min(2 * this.#took, apart)));
  }

  #pause(age: number): number {
    return paces.find(({ until }) => age < until)?.pause ?? 100;
  }

  #ask(): void {
    this.#again = false;
    this.#open++;
    const asked = this.#ports.now();
    this.#asked = asked;
    this.#ports.ask().then(
      (members) => this.#take(asked, members),
      () => this.#take(asked, null),
    );
    this.#goOn();
  }

  #take(asked: number, members: readonly Member[] | null): void {
    this.#open--;
    this.#answered = this.#ports.now();
    this.#took = this.#answered - asked;
    this.#failed = members === null;
    // of two answers the one that was asked for later says more
    if (members !== null && asked >= this.#taken) {
      this.#taken = asked;
      this.#ports.take(members, asked);
    }
    this.#goOn();
  }
}
