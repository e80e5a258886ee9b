import type { Interval } from '../../ip/interval.ts';
import { protocolNumbers } from '../../ip/protocol.ts';
import type { Condition, Field, FieldRef, Rule, Step, TableFamily, Tuple, Value } from '../model.ts';

/**
 * A rule in the one form that patterns are compared with: what must hold, whatever order and words the listing had it in,
 * and what it does then. null in {@link Shape.effect} stands for a rule that no pattern can describe.
 */
export interface Shape {
  readonly terms: readonly Term[];
  readonly effect: Effect | null;
}

export interface Term {
  readonly key: TermKey;
  readonly not: boolean;
  readonly operand: Operand;
}

export type TermKey =
  | 'in'
  | 'out'
  | 'src'
  | 'dst'
  | 'proto'
  | 'sport'
  | 'dport'
  | 'ct'
  | 'src-type'
  | 'dst-type'
  | 'mark'
  | 'family'
  | 'icmp-type'
  /** A module whose state nobody sees, asked in the one way that Docker asks it. */
  | 'module'
  /** A condition that no pattern speaks of. */
  | 'foreign';

export type Operand =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'ranges'; readonly ranges: readonly Interval[]; readonly mask: bigint | null }
  | { readonly kind: 'set'; readonly set: string }
  | { readonly kind: 'opaque' };

export type Effect =
  | { readonly kind: 'accept' | 'drop' | 'return' | 'masquerade' | 'checksum' }
  /** The packet's whole mark is set. */
  | { readonly kind: 'mark'; readonly value: bigint }
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'vmap'; readonly key: TermKey; readonly set: string }
  | { readonly kind: 'dnat' | 'snat'; readonly to: NatTarget };

export interface NatTarget {
  readonly address: bigint | null;
  readonly port: number | null;
  readonly text: string;
}

/** Shapes as they were made: several questions are asked of each rule, and a listing may have many. */
const made = new WeakMap<Rule, { readonly family: TableFamily; readonly shape: Shape }>();

/** The shape of a rule in a table of a family. Never throws, whatever the rule is. */
export function shapeOf(rule: Rule, family: TableFamily): Shape {
  const before = made.get(rule);
  if (before?.family === family) return before.shape;
  const shape = makeShape(rule, family);
  made.set(rule, { family, shape });
  return shape;
}

function makeShape({ steps: all, text, lost }: Rule, family: TableFamily): Shape {
  const steps = all.filter((step) => !(step.kind === 'action' && step.action.kind === 'count'));
  const conditions = steps.flatMap((step) => (step.kind === 'condition' ? [step.condition] : []));
  const doing = steps.filter(({ kind }) => kind !== 'condition');
  const first = steps.findIndex(({ kind }) => kind !== 'condition');
  const mixed = first >= 0 && steps.slice(first).some(({ kind }) => kind === 'condition');
  const terms = conditions.flatMap((condition) => termsOf(condition, family, text));
  return { terms: unrepeated(terms), effect: mixed || lost.length > 0 ? null : effectOf(doing) };
}

const keys: Partial<Readonly<Record<Field, TermKey>>> = {
  iifname: 'in',
  oifname: 'out',
  saddr: 'src',
  daddr: 'dst',
  l4proto: 'proto',
  sport: 'sport',
  dport: 'dport',
  'ct state': 'ct',
  'saddr type': 'src-type',
  'daddr type': 'dst-type',
  mark: 'mark',
  nfproto: 'family',
  'icmp type': 'icmp-type',
};

const foreign: Term = { key: 'foreign', not: false, operand: { kind: 'opaque' } };

function termsOf(condition: Condition, family: TableFamily, text: string): readonly Term[] {
  switch (condition.kind) {
    case 'among': {
      const [field] = condition.fields;
      if (field === undefined || condition.fields.length > 1) return [foreign];
      if (field.field === 'other' && 'set' in condition.values)
        return [unseenSet(condition.values.set, condition.not, text)];
      return [...impliedBy(field, family), termOf(field, condition.not, operandOf(condition.values, field))];
    }
    case 'any-of':
      return [
        ...impliedBy(condition.field, family),
        termOf(condition.field, condition.not, { kind: 'words', words: condition.words.map(lower).toSorted() }),
      ];
    case 'unknown':
      return [moduleTerm(condition.text)];
    default:
      return [foreign];
  }
}

/** IPVS, IPsec, and the network's number in a VXLAN header, as iptables-save writes them. */
const modules: readonly (readonly [RegExp, string])[] = [
  [/^-m ipvs --ipvs$/, 'ipvs'],
  [/^-m policy --dir in --pol ipsec$/, 'ipsec'],
  [/^-m u32 --u32 "?0x0>>0x16&0x3c@0xc&0xffffff00=0x[0-9a-f]+00"?$/, 'vni'],
];

function moduleTerm(text: string): Term {
  const word = modules.find(([form]) => form.test(text))?.[1];
  return word === undefined ? foreign : { key: 'module', not: false, operand: { kind: 'words', words: [word] } };
}

/** An ipset whose type the listing does not tell: of a set of addresses the rule itself says which one it is asked for. */
function unseenSet(set: string, not: boolean, text: string): Term {
  const words = text.split(' ');
  const at = words.indexOf(set);
  const sides = at < 0 || words.lastIndexOf(set) !== at ? undefined : words[at + 1];
  const key = sides === 'dst' ? 'dst' : sides === 'src' ? 'src' : 'foreign';
  return key === 'foreign' ? foreign : { key, not, operand: { kind: 'set', set } };
}

function termOf(ref: FieldRef, not: boolean, operand: Operand): Term {
  const key = keys[ref.field];
  if (key === undefined || operand.kind === 'opaque' || (ref.mask !== undefined && key !== 'mark')) return foreign;
  return { key, not, operand };
}

/** `tcp dport 80` also says that the packet is TCP, `ip saddr` in an inet table that it is IPv4. */
function impliedBy({ only }: FieldRef, family: TableFamily): readonly Term[] {
  const own = family === 'ip' ? 4 : family === 'ip6' ? 6 : null;
  const terms: Term[] = [];
  if (only?.protocol !== undefined) terms.push(numberTerm('proto', only.protocol));
  if (only?.family !== undefined && only.family !== own) terms.push(numberTerm('family', only.family));
  return terms;
}

function numberTerm(key: TermKey, value: number): Term {
  const range = { low: BigInt(value), high: BigInt(value) };
  return { key, not: false, operand: { kind: 'ranges', ranges: [range], mask: null } };
}

function operandOf(values: { readonly set: string } | readonly Tuple[], ref: FieldRef): Operand {
  if (!isTuples(values)) return { kind: 'set', set: values.set };
  const single = values.flatMap((tuple) => (tuple.length === 1 ? tuple : []));
  if (single.length !== values.length || single.length === 0) return { kind: 'opaque' };
  const words = single.flatMap((value) => (value.kind === 'word' ? [wordOf(value, ref.field)] : []));
  if (words.length === single.length) return { kind: 'words', words: words.toSorted() };
  const ranges = single.flatMap((value) => (value.kind === 'range' ? [{ low: value.low, high: value.high }] : []));
  return ranges.length === single.length
    ? { kind: 'ranges', ranges, mask: ref.mask === undefined ? null : ref.mask }
    : { kind: 'opaque' };
}

function isTuples(values: { readonly set: string } | readonly Tuple[]): values is readonly Tuple[] {
  return Array.isArray(values);
}

/** Interface names are as they are; the kernel's own words are written in capitals by iptables and not by nft. */
function wordOf(value: Extract<Value, { kind: 'word' }>, field: Field): string {
  return field === 'iifname' || field === 'oifname' ? value.word : lower(value.word);
}

function lower(word: string): string {
  return word.toLowerCase();
}

function unrepeated(terms: readonly Term[]): readonly Term[] {
  if (new Set(terms.map(({ key }) => key)).size === terms.length) return terms;
  const seen = new Map(terms.map((term) => [term.key === 'foreign' ? term : textOf(term), term]));
  return [...seen.values()];
}

function textOf({ key, not, operand }: Term): string {
  return JSON.stringify([key, not, operand], (_, value) => (typeof value === 'bigint' ? String(value) : value));
}

function effectOf(steps: readonly Step[]): Effect | null {
  const [step, ...more] = steps;
  if (step === undefined || more.length > (translates(step) ? 1 : 0)) return null;
  const [end] = more;
  if (end !== undefined && !(end.kind === 'verdict' && end.verdict.kind === 'accept')) return null;
  switch (step.kind) {
    case 'verdict':
      return verdictEffect(step.verdict);
    case 'action':
      return actionEffect(step.action);
    case 'vmap': {
      const [field] = step.fields;
      const key = field === undefined || step.fields.length > 1 ? undefined : keys[field.field];
      return key !== undefined && 'set' in step.entries ? { kind: 'vmap', key, set: step.entries.set } : null;
    }
    default:
      return null;
  }
}

/** Address translation ends the walk through its table, which readers may say by an accept behind it. */
function translates(step: Step): boolean {
  return step.kind === 'action' && ['masquerade', 'dnat', 'snat'].includes(step.action.kind);
}

function verdictEffect(verdict: Extract<Step, { kind: 'verdict' }>['verdict']): Effect | null {
  switch (verdict.kind) {
    case 'accept':
    case 'drop':
    case 'return':
      return { kind: verdict.kind };
    case 'jump':
      return { kind: 'jump', chain: verdict.chain };
    default:
      return null;
  }
}

function actionEffect(action: Extract<Step, { kind: 'action' }>['action']): Effect | null {
  switch (action.kind) {
    case 'masquerade':
      return action.ports === null ? { kind: 'masquerade' } : null;
    case 'dnat':
    case 'snat': {
      const { address, ports, text } = action.to;
      if (ports !== null && ports.low !== ports.high) return null;
      return { kind: action.kind, to: { address: address?.value ?? null, port: ports?.low ?? null, text } };
    }
    case 'set-mark':
      return action.of === 'packet' && action.mask === 0xffffffffn ? { kind: 'mark', value: action.value } : null;
    case 'other':
      return action.certain && /^(-j )?CHECKSUM (--checksum-fill|fill)$/.test(action.text)
        ? { kind: 'checksum' }
        : null;
    default:
      return null;
  }
}

/** The word for an IP protocol number, as people write it; the number where there is none. */
export function protocolName(number: bigint): string {
  const found = Object.entries(protocolNumbers).find(([, value]) => BigInt(value) === number);
  return found?.[0] ?? String(number);
}
