import { withPrograms } from '../ruleset/kept.ts';
import { isSameDraft } from '../ruleset/memory.ts';
import type { Program, Ruleset } from '../ruleset/ruleset.ts';

/**
 * Milliseconds that a program stays after its last container has gone: longer than a redeployment takes, or the pause
 * between two runs of a frequent job. See docs/decisions/0010-what-vanished-stays-ready.md.
 */
const stay = 300_000;

/**
 * Programs whose last container has gone, which stay in the kernel for a while: nobody is judged by them, and the next
 * container of their workload finds them there.
 */
export class KeptPrograms {
  /** What stands, by id. */
  #standing: ReadonlyMap<string, Program> = new Map();
  /** When the last container went, milliseconds since the epoch. */
  readonly #gone = new Map<string, number>();
  /** What it was asked for last, and what it gave; null when that may have changed. */
  #last: { readonly of: Ruleset; readonly result: Ruleset } | null = null;

  /**
   * A ruleset with those that are kept, of one policy all the time. What is in it counts; where that says the same as what
   * stands, it is the object that stands. For the same object it gives the same again.
   *
   * @param now milliseconds since the epoch
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
    const kept = [...this.#gone.keys()].flatMap((id) => this.#standing.get(id) ?? []);
    const result = withPrograms({ ...ruleset, programs }, kept);
    this.#standing = new Map(result.programs.map((program) => [program.id, program]));
    this.#last = { of: ruleset, result };
    return result;
  }

  /** Lets those go that nobody has come for; the next ruleset is without them. */
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
