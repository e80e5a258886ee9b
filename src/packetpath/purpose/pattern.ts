import type { Interval } from '../../ip/interval.ts';
import { isPrefix, parsePrefix, prefixInterval } from '../../ip/prefix.ts';
import { protocolNumbers } from '../../ip/protocol.ts';
import type { Effect, NatTarget, Operand, Shape, Term, TermKey } from './terms.ts';

/**
 * What a rule must be, to the last condition, written as the facts write it:
 *
 *     nat DOCKER: in!={b} proto={p} dport={port} -> dnat {to}
 *
 * Table and chain, then every condition that the rule has (`in`, `out`: interfaces; `src`, `dst`, `proto`, `sport`, `dport`,
 * `ct`, `src-type`, `dst-type`, `mark`, `family`, `icmp-type`, `module`), then what it does. In braces stand captures: `{b}`, `{c}` a
 * Docker bridge, `{if}` any interface, `{b+}` a list of interfaces one of which is a Docker bridge, `{a}`, `{d}` one
 * address, `{n}` a block of them, `{p}` a protocol, `{port}` one port, `{m}` a mark. The same capture twice: the same value. A condition in
 * square brackets may be missing.
 */
export interface Pattern {
  readonly table: string;
  /** The chain's name; `{b}` at its end stands for a bridge. */
  readonly chain: string;
  readonly terms: readonly TermPattern[];
  readonly effect: EffectPattern;
}

interface TermPattern {
  readonly key: TermKey;
  readonly not: boolean;
  readonly optional: boolean;
  readonly value: Capture | Operand;
}

interface Capture {
  readonly kind: 'capture';
  readonly name: string;
}

interface EffectPattern {
  readonly kind: Effect['kind'];
  readonly argument: string | null;
}

export interface Captures {
  readonly bridges: ReadonlyMap<string, string>;
  /** Interfaces that are no Docker bridge. */
  readonly interfaces: readonly string[];
  readonly addresses: ReadonlyMap<string, bigint>;
  readonly block: Interval | null;
  readonly protocol: bigint | null;
  readonly port: bigint | null;
  readonly mark: string | null;
  readonly to: NatTarget | null;
}

/** @throws TypeError for a pattern that is not one; they are all read when the program starts */
export function pattern(text: string): Pattern {
  const [, table, chain, left = '', right] = /^(\S+) (\S+): ?(.*?) ?-> (.+)$/.exec(text) ?? [];
  if (table === undefined || chain === undefined || right === undefined) throw new TypeError(`not a pattern: ${text}`);
  const [kind = '', ...argument] = right.split(' ');
  return {
    table,
    chain,
    terms: left === '' ? [] : left.split(' ').map(termPattern),
    effect: { kind: effectKind(kind), argument: argument.length === 0 ? null : argument.join(' ') },
  };
}

const effectKinds = [
  'accept',
  'drop',
  'return',
  'masquerade',
  'checksum',
  'mark',
  'jump',
  'vmap',
  'dnat',
  'snat',
] as const;
const termKeys = [
  'in',
  'out',
  'src',
  'dst',
  'proto',
  'sport',
  'dport',
  'ct',
  'src-type',
  'dst-type',
  'mark',
  'family',
  'icmp-type',
  'module',
] as const satisfies readonly TermKey[];

function effectKind(text: string): Effect['kind'] {
  const kind = effectKinds.find((known) => known === text);
  if (kind === undefined) throw new TypeError(`not an effect: ${text}`);
  return kind;
}

function termPattern(text: string): TermPattern {
  const optional = text.startsWith('[');
  const [, word, mark, value = ''] = /^\[?([a-z-]+)(!?=)([^\]]+)\]?$/.exec(text) ?? [];
  const key = termKeys.find((known) => known === word);
  if (key === undefined) throw new TypeError(`not a condition: ${text}`);
  const name = /^\{(.+)\}$/.exec(value)?.[1];
  return {
    key,
    not: mark === '!=',
    optional,
    value: name === undefined ? literal(key, value) : { kind: 'capture', name },
  };
}

function literal(key: TermKey, text: string): Operand {
  if (text.startsWith('@')) return { kind: 'set', set: text.slice(1) };
  if (key === 'src' || key === 'dst') {
    const prefix = parsePrefix(text);
    if (!isPrefix(prefix)) throw new TypeError(`not a block of addresses: ${text}`);
    return { kind: 'ranges', ranges: [prefixInterval(prefix)], mask: null };
  }
  if (key === 'proto' || key === 'dport' || key === 'sport' || key === 'icmp-type') {
    const number =
      Object.entries(protocolNumbers).find(([name]) => key === 'proto' && name === text)?.[1] ?? Number(text);
    return { kind: 'ranges', ranges: [{ low: BigInt(number), high: BigInt(number) }], mask: null };
  }
  return { kind: 'words', words: text.split(',').toSorted() };
}

/** Who is asked whether an interface is a bridge of Docker's. */
export type IsBridge = (name: string) => boolean;

/** What a pattern's captures stand for in a rule; null when the rule is not exactly that. */
export function match(
  { table, chain, terms, effect }: Pattern,
  at: { readonly table: string; readonly chain: string },
  shape: Shape,
  isBridge: IsBridge,
): Captures | null {
  if (table !== at.table || shape.effect === null) return null;
  const found = new Found(isBridge);
  if (!found.name(chain, at.chain)) return null;
  const left = [...shape.terms];
  for (const term of terms) {
    const index = left.findIndex(({ key, not }) => key === term.key && not === term.not);
    const [one] = index < 0 ? [] : left.splice(index, 1);
    if (one === undefined ? !term.optional : !found.term(term, one)) return null;
  }
  return left.length === 0 && found.effect(effect, shape.effect) ? found.captures() : null;
}

/** Captures as they are found; every method says whether it fits what was found before. */
class Found {
  readonly #isBridge: IsBridge;
  readonly #bridges = new Map<string, string>();
  readonly #interfaces: string[] = [];
  readonly #numbers = new Map<string, bigint>();
  #block: Interval | null = null;
  #mark: string | null = null;
  #to: NatTarget | null = null;

  constructor(isBridge: IsBridge) {
    this.#isBridge = isBridge;
  }

  captures(): Captures {
    const number = (name: string) => this.#numbers.get(name) ?? null;
    return {
      bridges: this.#bridges,
      interfaces: this.#interfaces,
      addresses: new Map([...this.#numbers].filter(([name]) => name === 'a' || name === 'd')),
      block: this.#block,
      protocol: number('p'),
      port: number('port'),
      mark: this.#mark,
      to: this.#to,
    };
  }

  /** A name that may end in a bridge's. */
  name(wanted: string, name: string): boolean {
    if (!wanted.endsWith('{b}')) return wanted === name;
    const head = wanted.slice(0, -'{b}'.length);
    return name.startsWith(head) && this.#bridge('b', name.slice(head.length));
  }

  term({ value, key }: TermPattern, { operand }: Term): boolean {
    if (value.kind !== 'capture') return same(value, operand);
    switch (value.name) {
      case 'b':
      case 'c':
        return (
          operand.kind === 'words' && operand.words.length === 1 && this.#bridge(value.name, operand.words[0] ?? '')
        );
      case 'if':
        return operand.kind === 'words' && operand.words.length === 1 && this.#other(operand.words[0] ?? '');
      case 'b+':
        return operand.kind === 'words' && this.#list(operand.words);
      case 'm':
        return this.#markOf(operand);
      case 'n':
        return this.#blockOf(operand);
      case 'a':
      case 'd':
      case 'p':
      case 'port':
        return this.#number(value.name, operand);
      default:
        throw new TypeError(`no such capture for ${key}: ${value.name}`);
    }
  }

  effect({ kind, argument }: EffectPattern, effect: Effect): boolean {
    if (kind !== effect.kind) return false;
    switch (effect.kind) {
      case 'jump':
        return argument === effect.chain;
      case 'mark':
        return argument === null || BigInt(argument) === effect.value;
      case 'vmap':
        return argument === `${effect.key} ${effect.set}`;
      case 'dnat':
      case 'snat':
        this.#to = effect.to;
        return argument === ':53'
          ? effect.to.address === null && effect.to.port === 53
          : effect.to.address !== null && (effect.kind === 'dnat' || effect.to.port === null);
      default:
        return true;
    }
  }

  #bridge(capture: string, name: string): boolean {
    const before = this.#bridges.get(capture);
    if (before !== undefined) return before === name;
    const taken = [...this.#bridges.values()].includes(name);
    if (taken || !this.#isBridge(name)) return false;
    this.#bridges.set(capture, name);
    return true;
  }

  #other(name: string): boolean {
    this.#interfaces.push(name);
    return name !== '';
  }

  #list(names: readonly string[]): boolean {
    const bridges = names.filter(this.#isBridge);
    this.#interfaces.push(...names.filter((name) => !bridges.includes(name)));
    return bridges.length === 1 && this.#bridge('b', bridges[0] ?? '');
  }

  #number(capture: string, operand: Operand): boolean {
    const [range] =
      operand.kind === 'ranges' && operand.ranges.length === 1 && operand.mask === null ? operand.ranges : [];
    if (range === undefined || range.low !== range.high) return false;
    const before = this.#numbers.get(capture);
    this.#numbers.set(capture, range.low);
    return before === undefined || before === range.low;
  }

  #blockOf(operand: Operand): boolean {
    if (operand.kind !== 'ranges' || operand.ranges.length !== 1 || operand.mask !== null) return false;
    this.#block = operand.ranges[0] ?? null;
    return true;
  }

  #markOf(operand: Operand): boolean {
    const [range] = operand.kind === 'ranges' && operand.ranges.length === 1 ? operand.ranges : [];
    if (range === undefined || range.low !== range.high || operand.kind !== 'ranges') return false;
    const mask = operand.mask === null || operand.mask === 0xffffffffn ? '' : `/0x${operand.mask.toString(16)}`;
    this.#mark = `0x${range.low.toString(16)}${mask}`;
    return true;
  }
}

function same(a: Operand, b: Operand): boolean {
  if (a.kind === 'words' && b.kind === 'words') return a.words.join(' ') === b.words.join(' ');
  if (a.kind === 'set' && b.kind === 'set') return a.set === b.set;
  if (a.kind !== 'ranges' || b.kind !== 'ranges' || a.mask !== b.mask) return false;
  return (
    a.ranges.length === b.ranges.length &&
    a.ranges.every(({ low, high }, at) => low === b.ranges[at]?.low && high === b.ranges[at]?.high)
  );
}
