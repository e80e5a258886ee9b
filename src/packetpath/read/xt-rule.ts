import type { Family } from '../../ip/address.ts';
import type { Step } from '../model.ts';
import { Known } from './known.ts';
import { protocolNumber } from './words.ts';
import { readHeader, readMatch } from './xt-match.ts';
import { type Option, optionOf, type XtContext, type XtMatch, type XtRule } from './xt-option.ts';
import { readTarget } from './xt-target.ts';

/** The meaning of the rules of one table. */
export class XtSteps {
  readonly #context: Omit<XtContext, 'protocol'>;
  readonly #headers = new Known<readonly Step[]>();
  /** By the protocol of their rules, too. */
  readonly #matches = new Map<number | null, Known<readonly Step[]>>();
  readonly #targets = new Known<readonly Step[]>();

  constructor(context: Omit<XtContext, 'protocol'>) {
    this.#context = context;
  }

  /** The steps of an iptables rule in the kernel's order: its header, its matches as listed, its target. */
  of({ header, matches, target }: XtRule): readonly Step[] {
    const given = optionOf(header, '-p');
    const protocol = given === undefined || given.not ? null : (protocolNumber(given.args[0] ?? '') ?? null);
    const context: XtContext = { ...this.#context, protocol };
    const steps: Step[] = [];
    for (const option of header)
      add(
        steps,
        this.#headers.of(option.text, () => headerSteps(option, context.family)),
      );
    for (const match of matches) {
      if (match.module === 'comment') add(steps, readMatch(match, context));
      else
        add(
          steps,
          this.#matchesOf(protocol).of(keyOf(match), () => readMatch(match, context)),
        );
    }
    if (target !== null) {
      const key = `${target.goto ? '-g' : '-j'} ${textOf(target.name, target.options)}`;
      add(
        steps,
        this.#targets.of(key, () => readTarget(target, context)),
      );
    }
    return steps;
  }

  #matchesOf(protocol: number | null): Known<readonly Step[]> {
    const known = this.#matches.get(protocol);
    if (known !== undefined) return known;
    const made = new Known<readonly Step[]>();
    this.#matches.set(protocol, made);
    return made;
  }
}

function add(steps: Step[], more: readonly Step[]): void {
  for (const step of more) steps.push(step);
}

/** Two matches with the same key mean the same: the texts of their options are what these were made of. */
function keyOf({ module, options, written }: XtMatch): string {
  const text = textOf(module, options);
  return written === undefined ? text : `${text} ${written}`;
}

function textOf(name: string, options: readonly Option[]): string {
  let text = name;
  for (const option of options) text += ` ${option.text}`;
  return text;
}

const headerSteps = (option: Option, family: Family): readonly Step[] =>
  isEverything(option.name, option.args[0], option.not) ? [] : [readHeader(option, family)];

/** `-p all`, and 0 for it: no condition. */
const isEverything = (name: string, value: string | undefined, not: boolean): boolean =>
  name === '-p' && !not && (value === 'all' || value === '0');

/** The words of a rule's comments; null without any. */
export function commentOf({ matches }: XtRule): string | null {
  let comment: string | null = null;
  for (const { module, options } of matches) {
    if (module !== 'comment') continue;
    const text = optionOf(options, '--comment')?.args[0] ?? '';
    comment = comment === null ? text : `${comment}; ${text}`;
  }
  return comment;
}
