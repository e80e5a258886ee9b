import type { Rule, Step, TableFamily } from '../model.ts';
import { KnownSteps } from './known-steps.ts';
import { isObject } from './nft-item.ts';
import { readStatement } from './nft-statement.ts';
import { unknownCondition } from './values.ts';

/** What the statements of a rule say together. */
export interface Meaning {
  readonly counted: Rule['counted'];
  readonly steps: readonly Step[];
  readonly feeds: readonly string[];
}

const none: readonly string[] = [];

/** The meaning of the rules of one table. */
export class NftMeanings {
  readonly #family: TableFamily;
  /** Whether iptables made the rules and nft's text shows them. */
  readonly #xt: boolean;
  readonly #known = new KnownSteps();

  constructor(family: TableFamily, xt: boolean) {
    this.#family = family;
    this.#xt = xt;
  }

  /**
   * @param texts of each of the statements, for people
   * @param keys of each: two statements with the same key are the same
   */
  of(statements: readonly unknown[], texts: readonly string[], keys: readonly string[] = texts): Meaning {
    const steps: Step[] = [];
    let counted: Rule['counted'] = null;
    let feeds: string[] | null = null;
    for (let index = 0; index < statements.length; index++) {
      const statement = statements[index];
      const text = texts[index] as string;
      const read = (): readonly Step[] => this.#stepsOf(statement, text);
      // what a statement is that is not understood, hangs on those around it
      const one = isObject(statement) && 'strange' in statement ? read() : this.#known.of(keys[index] as string, read);
      for (const step of one) steps.push(step);
      if (!isObject(statement)) continue;
      const { counter, set } = statement;
      counted = countedBy(counter) ?? counted;
      if (isObject(set) && typeof set['set'] === 'string') (feeds ??= []).push(set['set'].slice(1));
    }
    return { counted, steps, feeds: feeds ?? none };
  }

  #stepsOf(statement: unknown, text: string): readonly Step[] {
    const steps = readStatement(statement, { family: this.#family, text: () => text });
    return this.#xt ? steps.map((step) => doubted(step, text)) : steps;
  }
}

export const isXtTable = (family: TableFamily, name: string): boolean =>
  (family === 'ip' || family === 'ip6') && ['raw', 'mangle', 'nat', 'filter', 'security'].includes(name);

/**
 * In the tables of iptables-nft the text of nft is partly libxtables' translation, and some of it is not what the rule
 * says: `--ctstate NEW,DNAT` is shown as `ct status dnat`, and CONNMARK's `--set-xmark` in the wrong order (seen with
 * iptables 1.8.9 to 1.8.13).
 */
function doubted(step: Step, text: string): Step {
  if (step.kind === 'condition' && step.condition.kind === 'any-of' && step.condition.field.field === 'ct status')
    return unknownCondition(text);
  if (
    step.kind === 'action' &&
    step.action.kind === 'set-mark' &&
    step.action.of === 'ct' &&
    step.action.mask !== 0xffffffffn
  )
    return { kind: 'action', action: { kind: 'other', text, certain: false } };
  return step;
}

function countedBy(counter: unknown): Rule['counted'] {
  if (!isObject(counter)) return null;
  const { packets, bytes } = counter;
  return typeof packets === 'number' && typeof bytes === 'number' ? { packets, bytes } : null;
}
