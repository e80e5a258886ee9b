import type { Family } from '../../ip/address.ts';
import type { Step } from '../model.ts';
import type { IpsetKind } from './ipset-kind.ts';

/** An iptables rule taken apart, before its matches and its target are understood. Every form of listing gives one. */
export interface XtRule {
  readonly header: readonly Option[];
  readonly matches: readonly XtMatch[];
  readonly target: XtTarget | null;
}

/** `! --dport 80`: its name with the dashes, its arguments unquoted, and its text as it was written. */
export interface Option {
  readonly name: string;
  readonly not: boolean;
  readonly args: readonly string[];
  readonly text: string;
}

/** `-m tcp --dport 80`. */
export interface XtMatch {
  readonly module: string;
  readonly options: readonly Option[];
  /** How the listing has it, where that is not iptables-save's way. */
  readonly written?: string;
}

export interface XtTarget {
  readonly name: string;
  readonly goto: boolean;
  readonly options: readonly Option[];
}

/** What the meaning of a match or target hangs on beside its own text. */
export interface XtContext {
  readonly family: Family;
  /** Of `-p`, unless negated. */
  readonly protocol: number | null;
  readonly ipsets: ReadonlyMap<string, IpsetKind>;
  /** Chains of the table that the listing shows. */
  readonly chains: ReadonlySet<string>;
}

/** Steps of something understood; undefined: it is not. */
export type Understood = readonly Step[] | undefined;

/** How many arguments an option takes, and what it means. */
export interface OptionReader {
  readonly args: number;
  readonly read: (option: Option, context: XtContext) => Understood;
}

/** A module whose options are conditions each for itself, all of which must hold. */
export type OptionReaders = Readonly<Record<string, OptionReader>>;

/** The text of a match as its listing has it. */
export function matchText(match: XtMatch): string {
  if (match.written !== undefined) return match.written;
  return [`-m ${match.module}`, ...match.options.map(({ text }) => text)].join(' ');
}

/** The option of that name, or undefined. */
export function optionOf(options: readonly Option[], name: string): Option | undefined {
  return options.find((option) => option.name === name);
}
