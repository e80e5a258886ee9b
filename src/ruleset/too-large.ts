import { mostElements, weightOfL4 } from '../policy/weight.ts';
import type { Program } from './ruleset.ts';

/** What runs and the policy together come to more than is held in the kernel. What was held before stays. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError';

  constructor() {
    super(
      `for what runs now the policy comes to more than ${mostElements} elements, each workload's and each port counted: write prefixes and ranges of ports in place of what lies side by side`,
    );
  }
}

const weights = new WeakMap<Program, number>();

/**
 * Refuses programs that come to more than is held.
 *
 * @throws TooLargeError
 */
export function checkSize(programs: readonly Program[]): void {
  let total = 0;
  for (const program of programs) total += weightOf(program);
  if (total > mostElements) throw new TooLargeError();
}

/**
 * How many elements a program comes to, at most. Groups, and addresses of several ranges such as `internet`, are sets that all
 * programs share: one each here.
 */
export function weightOf(program: Program): number {
  let weight = weights.get(program);
  if (weight === undefined) {
    const { guard, except, deny, allow } = program;
    weight = [guard, except, deny, allow].reduce(
      (sum, list) => sum + list.reduce((all, { l4 }) => all + weightOfL4(l4), 0),
      0,
    );
    weights.set(program, weight);
  }
  return weight;
}

/**
 * Counts clauses while they are made, so that too many of them end the making and not the memory.
 *
 * @returns what takes the number of those just made
 */
export function clauseBound(): (made: number) => void {
  let total = 0;
  return (made) => {
    total += made;
    if (total > 2 * mostElements) throw new TooLargeError();
  };
}
