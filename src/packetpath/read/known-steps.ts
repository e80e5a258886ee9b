import type { Step } from '../model.ts';

/** Enough for what the rules of a chain have in common; more would be filled with what occurs once. */
const most = 256;

/**
 * Steps by the text they were read from. In a listing of many rules most say in part what others say: it is read once, and
 * held once.
 */
export class KnownSteps {
  readonly #steps = new Map<string, readonly Step[]>();

  /** @param text all that the steps depend on */
  of(text: string, read: () => readonly Step[]): readonly Step[] {
    const known = this.#steps.get(text);
    if (known !== undefined) return known;
    const steps = read();
    if (this.#steps.size >= most) this.#steps.clear();
    this.#steps.set(text, steps);
    return steps;
  }
}
