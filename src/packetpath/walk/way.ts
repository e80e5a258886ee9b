import type { Rule } from '../model.ts';
import { type Packet, packetKey } from './packet.ts';
import type { Assumption, Decider, Event, Outcome, RuleAt, Verdict } from './result.ts';

/** Events in reverse, so that ways that part share what they had in common. */
interface Trail {
  readonly event: Event;
  readonly before: Trail | null;
}

interface State {
  readonly packet: Packet;
  readonly assumptions: readonly Kept[];
  /** Whether more is needed to come here than the assumptions say. */
  readonly loose: boolean;
  /** The last rule that let it pass where packets are judged. */
  readonly passedBy: RuleAt | null;
  readonly trail: Trail | null;
}

/** One possible state of the walk: a packet, what was taken for granted to come here, and what happened. */
export class Way {
  readonly #state: State;

  private constructor(state: State) {
    this.#state = state;
  }

  static from(packet: Packet): Way {
    return new Way({ packet, assumptions: [], loose: false, passedBy: null, trail: null });
  }

  get packet(): Packet {
    return this.#state.packet;
  }

  get assumptions(): readonly Kept[] {
    return this.#state.assumptions;
  }

  get loose(): boolean {
    return this.#state.loose;
  }

  get passedBy(): RuleAt | null {
    return this.#state.passedBy;
  }

  with(packet: Packet): Way {
    return new Way({ ...this.#state, packet });
  }

  after(event: Event): Way {
    return new Way({ ...this.#state, trail: { event, before: this.#state.trail } });
  }

  passing(passedBy: RuleAt): Way {
    return new Way({ ...this.#state, passedBy });
  }

  assuming(assumption: Assumption, key: string | null): Way {
    return new Way({ ...this.#state, assumptions: [...this.#state.assumptions, { ...assumption, key }] });
  }

  /** What this way already takes for granted about a question. */
  answer(key: string): boolean | undefined {
    return this.assumptions.find((one) => one.key === key)?.holds;
  }

  /** The same state reached in another way too: only what both need is needed. */
  merge(other: Way): Way {
    const common = this.assumptions.filter((one) => other.assumptions.some((two) => isSame(one, two)));
    const mine = this.assumptions.filter((one) => !common.includes(one));
    const others = other.assumptions.filter((one) => !common.some((two) => isSame(one, two)));
    const shorter = other.assumptions.length < this.assumptions.length ? other : this;
    // one of them needs nothing more than both do, or they part by the answer to one question
    const covers = (mine.length === 0 && !this.loose) || (others.length === 0 && !other.loose);
    const parted =
      mine.length === 1 && others.length === 1 && isOpposite(mine[0], others[0]) && !this.loose && !other.loose;
    return new Way({ ...shorter.#state, assumptions: common, loose: !covers && !parted });
  }

  get events(): readonly Event[] {
    const events: Event[] = [];
    for (let at = this.#state.trail; at !== null; at = at.before) events.push(at.event);
    return events.reverse();
  }

  end(verdict: Verdict, by: Decider, reject: string | null = null): Ended {
    return { verdict, by, reject, way: this };
  }
}

type Kept = Assumption & { readonly key: string | null };

function isSame(a: Kept, b: Kept): boolean {
  return a.text === b.text && a.at?.rule === b.at?.rule;
}

function isOpposite(a: Kept | undefined, b: Kept | undefined): boolean {
  if (a === undefined || b === undefined || a.at?.rule !== b.at?.rule) return false;
  return a.text === `not: ${b.text}` || b.text === `not: ${a.text}`;
}

/** A way that has come to its end. */
export interface Ended {
  readonly verdict: Verdict;
  readonly by: Decider;
  readonly reject: string | null;
  readonly way: Way;
}

/** Ways without those in the same state as another that the same rule let pass. */
export function mergeWays(ways: readonly Way[]): readonly Way[] {
  if (ways.length < 2) return ways;
  const byState = new Map<string, Way>();
  for (const way of ways) {
    const key = `${numberOf(way.passedBy)} ${packetKey(way.packet)}`;
    const known = byState.get(key);
    byState.set(key, known === undefined ? way : known.merge(way));
  }
  return [...byState.values()];
}

const numbers = new WeakMap<Rule, number>();
let given = 0;

/** A number that tells rules apart. */
function numberOf(at: RuleAt | null): number {
  if (at === null) return 0;
  const known = numbers.get(at.rule);
  if (known !== undefined) return known;
  numbers.set(at.rule, ++given);
  return given;
}

/** Ends as outcomes: those by the same rule with the same verdict are one, and those that need least come first. */
export function outcomesOf(ends: readonly Ended[]): readonly Outcome[] {
  const merged: Ended[] = [];
  for (const end of ends) {
    const at = merged.findIndex(
      (other) => other.verdict === end.verdict && other.reject === end.reject && isSameDecider(other.by, end.by),
    );
    const known = merged[at];
    if (known === undefined) merged.push(end);
    else merged[at] = { ...known, way: known.way.merge(end.way) };
  }
  return merged
    .map(({ verdict, by, reject, way }) => ({
      verdict,
      reject,
      by,
      assumptions: way.assumptions.map(({ at, what, holds, text }) => ({ at, what, holds, text })),
      loose: way.loose,
      events: way.events,
      packet: way.packet,
    }))
    .toSorted(
      (a, b) => Number(a.loose) - Number(b.loose) || doing(a) - doing(b) || a.assumptions.length - b.assumptions.length,
    );
}

/** How much of what could not be judged does something. */
function doing({ assumptions }: Outcome): number {
  return assumptions.filter(({ holds }) => holds).length;
}

function isSameDecider(a: Decider, b: Decider): boolean {
  if (a.kind === 'rule' && b.kind === 'rule') return a.at.rule === b.at.rule;
  if (a.kind === 'policy' && b.kind === 'policy') return a.chain === b.chain;
  if (a.kind === 'host' && b.kind === 'host') return a.why === b.why;
  return a.kind === b.kind;
}
