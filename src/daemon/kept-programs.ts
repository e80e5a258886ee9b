import { withPrograms } from '../ruleset/kept.ts';
import { isSameDraft } from '../ruleset/memory.ts';
import type { Program, Ruleset } from '../ruleset/ruleset.ts';
import { weightOf } from '../ruleset/too-large.ts';

/**
 * Milliseconds that a program stays after its last container has gone: longer than a redeployment takes, or the pause
 * between two runs of a frequent job. See docs/decisions/0010-what-vanished-stays-ready.md.
 */
const stay = 300_000;
/**
 * Of these no more are kept, whoever makes workloads and takes them away again: programs, and elements in them
 * (policy/weight.ts), which take the kernel and us some 150 MB. `withOthers` is below what iptables has numbers for, so that
 * who is kept never has one that a newcomer wants.
 */
const most = { programs: 500, elements: 100_000, withOthers: 4_000 } as const;

/**
 * Programs whose last container has gone, which stay in the kernel for a while: nobody is judged by them, and the next
 * container of their workload finds them there.
 */
export class KeptPrograms {
  /** What stands, by id. */
  #standing: ReadonlyMap<string, Program> = new Map();
  /** When the last container went, by the caller's clock; the oldest first. */
  readonly #gone = new Map<string, number>();
  /** What it was asked for last, and what it gave; null when that may have changed. */
  #last: { readonly of: Ruleset; readonly result: Ruleset } | null = null;

  /**
   * A ruleset with those that are kept, of one policy all the time. What is in it counts; where that says the same as what
   * stands, it is the object that stands. For the same object it gives the same again.
   *
   * @param now milliseconds of a clock that nobody sets
   */
  with(ruleset: Ruleset, now: number): Ruleset {
    if (this.#last?.of === ruleset) return this.#last.result;
    const programs = ruleset.programs.map((program) => {
      const standing = this.#standing.get(program.id);
      return standing !== undefined && isSameDraft(standing, program) ? standing : program;
    });
    const there = new Set(programs.map(({ id }) => id));
    for (const id of this.#standing.keys()) if (!there.has(id) && !this.#gone.has(id)) this.#gone.set(id, now);
    for (const id of there) this.#gone.delete(id);
    const kept = this.#bounded(programs.length);
    const result = withPrograms({ ...ruleset, programs }, kept);
    this.#standing = new Map(result.programs.map((program) => [program.id, program]));
    this.#last = { of: ruleset, result };
    return result;
  }

  /** Those that are kept beside so many others: the youngest, as far as there is room. The rest are let go. */
  #bounded(others: number): readonly Program[] {
    const kept: Program[] = [];
    let elements = 0;
    for (const program of [...this.#gone.keys()].reverse().flatMap((id) => this.#standing.get(id) ?? [])) {
      elements += weightOf(program);
      const isRoom = kept.length < Math.min(most.programs, most.withOthers - others) && elements <= most.elements;
      if (!isRoom) break;
      kept.push(program);
    }
    const ids = new Set(kept.map(({ id }) => id));
    for (const id of this.#gone.keys()) if (!ids.has(id)) this.#gone.delete(id);
    return kept;
  }

  /**
   * Lets those go that nobody has come for; the next ruleset is without them.
   *
   * @param now as of {@link with}
   */
  letGo(now: number): void {
    for (const [id, since] of this.#gone) if (now - since >= stay) this.#drop(id);
  }

  /** Another policy: nothing of the one before stays. */
  forget(): void {
    this.#standing = new Map();
    this.#gone.clear();
    this.#last = null;
  }

  #drop(id: string): void {
    this.#gone.delete(id);
    this.#last = null;
    this.#standing = new Map([...this.#standing].filter(([other]) => other !== id));
  }
}
