import type { Rule, Step, TableFamily } from '../model.ts';
import { Known } from './known.ts';
import { asText, isObject, type JsonObject } from './nft-item.ts';
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
  readonly #known = new Known<Said>();

  constructor(family: TableFamily, xt: boolean) {
    this.#family = family;
    this.#xt = xt;
  }

  /** @param texts of each of the statements, for people: two statements with the same text are the same */
  of(statements: readonly unknown[], texts: readonly string[]): Meaning {
    const said = statements.map((statement, index) => {
      const text = texts[index] as string;
      const read = (): Said => this.#said(statement, text);
      // what a statement is that is not understood, hangs on those around it
      return isObject(statement) && 'strange' in statement ? read() : this.#known.of(text, read);
    });
    return together(said);
  }

  /** Of statements as `nft -j` has them: their text is their JSON. */
  ofJson(statements: readonly unknown[]): Meaning & { readonly text: string } {
    const steps: Step[] = [];
    let counted: Rule['counted'] = null;
    let feeds: string[] | null = null;
    let text = '';
    for (const statement of statements) {
      const json = JSON.stringify(statement);
      const said = this.#known.of(json, () => this.#said(statement, textOf(statement, json)));
      for (const step of said.steps) steps.push(step);
      counted = said.counted ?? counted;
      if (said.feeds !== null) (feeds ??= []).push(said.feeds);
      if (said.shown !== null) text = text === '' ? said.shown : `${text} ${said.shown}`;
    }
    return { text, counted, steps, feeds: feeds ?? none };
  }

  #said(statement: unknown, text: string): Said {
    const { counter, set } = isObject(statement) ? statement : noStatement;
    const isCounter = isObject(statement) && 'counter' in statement;
    const feeds = isObject(set) && typeof set['set'] === 'string' ? set['set'].slice(1) : null;
    return {
      steps: this.#stepsOf(statement, text),
      counted: countedBy(counter),
      feeds,
      shown: isCounter ? null : text,
    };
  }

  #stepsOf(statement: unknown, text: string): readonly Step[] {
    const steps = readStatement(statement, { family: this.#family, text: () => text });
    return this.#xt ? steps.map((step) => doubted(step, text)) : steps;
  }
}

/** What one statement says. */
interface Said {
  readonly steps: readonly Step[];
  readonly counted: Rule['counted'];
  /** The set that it adds packets to. */
  readonly feeds: string | null;
  /** Its text for people; null: counters are shown apart. */
  readonly shown: string | null;
}

const noStatement: JsonObject = {};

function together(said: readonly Said[]): Meaning {
  const steps: Step[] = [];
  let counted: Rule['counted'] = null;
  let feeds: string[] | null = null;
  for (const one of said) {
    for (const step of one.steps) steps.push(step);
    counted = one.counted ?? counted;
    if (one.feeds !== null) (feeds ??= []).push(one.feeds);
  }
  return { counted, steps, feeds: feeds ?? none };
}

/** A statement of JSON for people: its JSON. */
function textOf(statement: unknown, json: string): string {
  if (typeof statement === 'string') return statement;
  if (!isObject(statement) || !isObject(statement['xt'])) return json;
  return `xt ${asText(statement['xt']['type'])} "${asText(statement['xt']['name'])}"`;
}

/** Whether a table of nf_tables is one of those that iptables-nft fills (iptables, nft.c, xtables_ipv4). */
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
