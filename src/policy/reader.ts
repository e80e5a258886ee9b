import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type ParsedNode, Scalar, visit } from 'yaml';
import { diagnostic } from './codes.ts';
import type { Piece, Report } from './piece.ts';
import type { SourceRef } from './source.ts';
import { didYouMean, suggest } from './suggest.ts';
import { unquotedStar, type YamlText } from './yaml-text.ts';

/** A value with the key it belongs to, for the place of what is missing in it. */
export interface Entry {
  readonly key: Piece;
  readonly value: Node;
}

export type Handlers = Readonly<Record<string, (value: Node, key: Piece) => void>>;

/** How often aliases may be followed in one file; they can be nested so that a short text stands for a huge one. */
const mostAliases = 1000;

/**
 * Reads the nodes of one YAML text with the grammar's few shapes: maps with known keys, maps by name, lists, words and
 * texts. What does not fit is reported with its place and skipped, so that one reading finds every error.
 */
export class Reader {
  readonly yaml: YamlText;
  readonly report: Report;
  #followed = 0;
  #anchors: ReadonlyMap<Alias, Node> | undefined;

  readonly #foreign: boolean;

  /** `foreign` is for structure that is not ours, Compose's: its tags (`!override`, `!reset`) are looked through. */
  constructor(yaml: YamlText, report: Report, foreign = false) {
    this.yaml = yaml;
    this.report = report;
    this.#foreign = foreign;
  }

  /** The place of a node. For a text whose quotes hide nothing, the text inside them. */
  ref(node: Node): SourceRef {
    const [start, end] = node.range ?? [0, 0];
    if (isScalar(node) && typeof node.value === 'string') {
      const inner = this.yaml.ref(start + 1, end - 1);
      if (node.type !== 'PLAIN' && inner.text === node.value) return inner;
    }
    return this.yaml.ref(start, end);
  }

  /** Follows aliases; refuses tags and aliases to nothing. */
  open(node: Node): Node | undefined {
    let target: Node | undefined = node;
    while (target !== undefined && isAlias(target)) {
      const alias: Alias = target;
      this.#anchors ??= anchorsOf(this.yaml.root);
      target = this.#anchors.get(alias);
      if (target === undefined) this.report(unquotedStar(this.ref(alias), `*${alias.source}`));
      else if (++this.#followed > mostAliases) return this.#tooManyAliases(alias);
    }
    if (target === undefined || target.tag === undefined || this.#foreign) return target;
    const fix = 'leave the tag out; quote a text that begins with "!"';
    const tag = target.tag.replace(/^tag:yaml\.org,2002:/, '!!');
    this.report(diagnostic('yamlFeature', this.ref(target), `the tag ${tag} is not read here`, { fix }));
    return undefined;
  }

  #tooManyAliases(alias: Alias): undefined {
    if (this.#followed === mostAliases + 1)
      this.report(diagnostic('tooMuch', this.ref(alias), `aliases are followed more than ${mostAliases} times`));
    return undefined;
  }

  /**
   * Reads a map with known keys: each handler gets its value; an unknown key is reported.
   *
   * @param instead what to write in place of something that is no map
   * @returns the known keys that unknown ones were likely meant to be; undefined when it is no map
   */
  fields(
    node: Node,
    what: string,
    handlers: Handlers,
    instead?: (node: Node) => string | undefined,
  ): ReadonlySet<string> | undefined {
    const entries = this.entries(node, what, instead);
    if (entries === undefined) return undefined;
    const misspelt = new Set<string>();
    for (const { key, value } of entries) {
      const handler = Object.hasOwn(handlers, key.text) ? handlers[key.text] : undefined;
      if (handler !== undefined) handler(value, key);
      else {
        const known = Object.keys(handlers);
        const meant = suggest(key.text, known);
        if (meant !== undefined) misspelt.add(meant);
        const fix = meant === undefined ? `${what} knows ${known.join(', ')}` : `did you mean "${meant}"?`;
        this.report(diagnostic('unknownKey', key.at, `unknown key "${key.text}" in ${what}`, { fix }));
      }
    }
    return misspelt;
  }

  /** The entries of a map; undefined, and reported, when it is none. In a Compose file merge keys are followed. */
  entries(node: Node, what: string, instead?: (node: Node) => string | undefined): readonly Entry[] | undefined {
    const map = this.open(node);
    if (map === undefined) return undefined;
    if (!isMap(map)) {
      this.#wrongKind(map, what, 'a map of keys and values', instead?.(map));
      return undefined;
    }
    const found = new Map<string, Entry>();
    const merged: Node[] = [];
    for (const { key: keyNode, value } of map.items) {
      const key = this.#key(keyNode);
      if (key === undefined) continue;
      if (key.text === '<<') merged.push(...this.#merge(key, value as Node | null));
      else found.set(key.text, { key, value: (value as Node | null) ?? nothingAt(keyNode as Node) });
    }
    for (const other of merged)
      for (const entry of this.entries(other, what) ?? [])
        if (!found.has(entry.key.text)) found.set(entry.key.text, entry);
    return [...found.values()];
  }

  #key(node: unknown): Piece | undefined {
    const key = this.open(node as Node);
    if (key === undefined || !isScalar(key)) return undefined; // other keys were reported with the syntax
    return { text: String(key.value), at: this.ref(key) };
  }

  #merge(key: Piece, value: Node | null): readonly Node[] {
    if (this.yaml.source.role === 'policy') {
      const fix = 'write the keys out, or use a pattern or a group';
      this.report(diagnostic('yamlFeature', key.at, 'merge keys are not read here', { fix }));
      return [];
    }
    const opened = value === null ? undefined : this.open(value);
    if (opened === undefined) return [];
    return isSeq(opened) ? (opened.items as Node[]) : [opened];
  }

  /** The items of a list that is not empty; undefined, and reported, otherwise. */
  items(
    node: Node,
    what: string,
    empty: { readonly message: string; readonly fix?: string },
  ): readonly Node[] | undefined {
    const list = this.open(node);
    if (list === undefined) return undefined;
    if (!isSeq(list)) {
      const text = isScalar(list) && typeof list.value === 'string' ? list.value : undefined;
      this.#wrongKind(list, what, 'a list', text && `write it as a list: ${listOf(text)}`);
      return undefined;
    }
    if (list.items.length > 0) return list.items as Node[];
    this.report(diagnostic('emptyList', this.ref(list), empty.message, { fix: empty.fix }));
    return undefined;
  }

  /**
   * A text. A plain value that YAML reads as something else is reported with the advice to quote it; fractions (`10.1`)
   * pass where the reading of addresses has more to say about them.
   */
  text(node: Node, what: string, fractions: 'pass' | 'refuse' = 'refuse'): Piece | undefined {
    const scalar = this.open(node);
    if (scalar === undefined) return undefined;
    if (!isScalar(scalar)) {
      this.#wrongKind(scalar, what, 'a text');
      return undefined;
    }
    const at = this.ref(scalar);
    if (scalar.type !== 'PLAIN') return { text: String(scalar.value), at };
    const text = scalar.source ?? '';
    const other = otherReading(text);
    if (other === undefined || (fractions === 'pass' && /^[0-9]+\.[0-9]+$/.test(text))) return { text, at };
    if (other === 'nothing') this.report(diagnostic('wrongKind', at, `${what} has no value`));
    else {
      const fix = `quote it: "${text}"`;
      this.report(
        diagnostic('quoteIt', at, `without quotes ${text} is ${other} to YAML, or was to an older one`, { fix }),
      );
    }
    return undefined;
  }

  /** A scalar as it was written, whatever YAML makes of it; `plain` is whether it has no quotes. */
  raw(node: Node, what: string): (Piece & { readonly plain: boolean }) | undefined {
    const scalar = this.open(node);
    if (scalar === undefined) return undefined;
    if (isScalar(scalar)) {
      const plain = scalar.type === 'PLAIN';
      const text = plain ? (scalar.source ?? '') : String(scalar.value);
      if (text !== '') return { text, at: this.ref(scalar), plain };
    }
    this.#wrongKind(scalar, what, 'a text');
    return undefined;
  }

  /** One of a few words; `off` is taken as meant although older YAML makes a boolean of it. */
  word<W extends string>(node: Node, what: string, words: readonly W[]): { word: W; at: SourceRef } | undefined {
    const piece = this.raw(node, what);
    if (piece === undefined) return undefined;
    const word = words.find((known) => known === piece.text);
    if (word !== undefined) return { word, at: piece.at };
    const off =
      (words as readonly string[]).includes('off') && /^(false|no|off)$/i.test(piece.text) ? 'off' : undefined;
    const fix = off !== undefined ? `did you mean "${off}"?` : didYouMean(piece.text, words);
    this.report(diagnostic('notAWord', piece.at, `${what} is ${either(words)}, not "${piece.text}"`, { fix }));
    return undefined;
  }

  #wrongKind(node: Node, what: string, wanted: string, fix?: string): void {
    const nothing = isScalar(node) && (node.source ?? '') === '' && node.type === 'PLAIN';
    const message = nothing ? `${what} has no value` : `${what} is ${wanted}, not ${kindOf(node)}`;
    this.report(diagnostic('wrongKind', this.ref(node), message, { fix }));
  }
}

/** What each alias stands for: the last node before it that has the anchor (YAML 1.2.2, 7.1). */
function anchorsOf(root: ParsedNode | null): ReadonlyMap<Alias, Node> {
  const targets = new Map<Alias, Node>();
  const named = new Map<string, Node>();
  visit(root, {
    Alias(_, alias) {
      const target = named.get(alias.source);
      if (target !== undefined) targets.set(alias, target);
    },
    Node(_, node) {
      if (!isAlias(node) && 'anchor' in node && node.anchor !== undefined) named.set(node.anchor, node as Node);
    },
  });
  return targets;
}

/** The missing value of a key, `{ key }`, in the form that `key:` has. */
function nothingAt(key: Node): Node {
  const nothing = new Scalar(null);
  Object.assign(nothing, { source: '', type: Scalar.PLAIN, range: key.range });
  return nothing;
}

function kindOf(node: Node): string {
  if (isMap(node)) return 'a map';
  if (isSeq(node)) return 'a list';
  return isScalar(node) ? `"${isScalar(node) && node.type === 'PLAIN' ? node.source : String(node.value)}"` : 'this';
}

function either(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** How a plain scalar is read by YAML 1.1 (types bool, null, int and float, sexagesimal too) or 1.2, when not as text. */
function otherReading(text: string): string | undefined {
  if (/^(~|null|Null|NULL|)$/.test(text)) return text === '' ? 'nothing' : 'nothing at all';
  if (/^(yes|no|true|false|on|off)$/i.test(text)) return 'a yes or no';
  if (/^[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+$/.test(text)) return 'a number to the base of sixty';
  if (/^[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)$/.test(text)) return 'a number';
  if (/^[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?$/.test(text)) return 'a number';
  return /^[-+]?\.(inf|nan)$/i.test(text) ? 'a number' : undefined;
}

/** A text that was to be a list, as one: `internet, dns` and `internet dns` are two items. */
export function listOf(text: string): string {
  return `[${text
    .split(/[\s,]+/)
    .filter((item) => item !== '')
    .map(quoteIfNeeded)
    .join(', ')}]`;
}

function quoteIfNeeded(text: string): string {
  return /^[A-Za-z][A-Za-z0-9_-]*$/.test(text) ? text : JSON.stringify(text);
}
