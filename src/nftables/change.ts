import type { SetElement } from './endpoint-elements.ts';
import type { Chain, Element, NftSet, Table } from './model.ts';
import { printElement, printName, printRule } from './print.ts';
import { printTable } from './print-table.ts';
import { isSameVerdict, keyText } from './same.ts';
import { transactionText } from './transaction.ts';

/** What to do to make other tables of what stands. */
export type Change = ElementChange | TextChange;

/** Elements of standing sets alone: small enough to say over netlink. First all of `remove`, then all of `add`. */
export interface ElementChange {
  readonly kind: 'elements';
  readonly remove: readonly SetElement[];
  readonly add: readonly SetElement[];
}

/** For `nft -f`, as two transactions. */
export interface TextChange {
  readonly kind: 'text';
  /**
   * To run first: fills new interval sets, which no rule refers to yet (see `prepare` in transaction.ts). Empty where no
   * packet comes to them with this change.
   */
  readonly before: string;
  readonly text: string;
}

/**
 * What changes `from`, which stands in the kernel, into `to`; null when they mean the same. Both are tables that
 * `renderRuleset` made, of this program's own layout. What is equal is neither looked into where it is the same object,
 * nor said.
 */
export function changeTables(from: readonly Table[], to: readonly Table[]): Change | null {
  const changes = to.map((table) => changeTable(from.find(isSame(table)) ?? null, table));
  const gone = from.filter((table) => !to.some(isSame(table))).map((table) => `delete table ${pathOf(table)}\n`);
  if (gone.length === 0 && changes.every(({ structure }) => structure === null)) {
    const remove = changes.flatMap((change) => change.remove);
    const add = changes.flatMap((change) => change.add);
    return remove.length + add.length === 0 ? null : { kind: 'elements', remove, add };
  }
  return {
    kind: 'text',
    before: changes.map(({ structure }) => structure?.before ?? '').join(''),
    text: [...changes.map(({ text }) => text()), ...gone].join(''),
  };
}

const isSame =
  (table: Table) =>
  (other: Table): boolean =>
    other.family === table.family && other.name === table.name;

const pathOf = (table: Table): string => `${table.family} ${printName(table.name)}`;

interface OneTable {
  readonly remove: readonly SetElement[];
  readonly add: readonly SetElement[];
  /** null when only elements of standing sets differ. */
  readonly structure: { readonly before: string } | null;
  readonly text: () => string;
}

function changeTable(from: Table | null, to: Table): OneTable {
  if (from === to) return { remove: [], add: [], structure: null, text: () => '' };
  if (from === null) return anew(to, null);
  const sets = parted(from.sets, to.sets);
  const chains = parted(from.chains, to.chains);
  // a name keeps its meaning; should one change it all the same, nothing of the table can be kept
  if (sets.both.some(([a, b]) => !isSameType(a, b)) || chains.both.some(([a, b]) => !isSameHook(a, b)))
    return anew(to, { chains: [], sets: [], maps: [], counters: [] });

  const elements = sets.both.filter(([, { interval }]) => !interval).map(([a, b]) => changeElements(a, b));
  const intervals = sets.both.filter(([a, b]) => b.interval && !isSameElements(a, b)).map(([, set]) => set);
  const rewritten = chains.both.filter(([a, b]) => !isSameRules(a, b)).map(([, chain]) => chain);
  const counters = { fresh: missing(to.counters, from.counters), gone: missing(from.counters, to.counters) };
  const of = (list: (one: SetChange) => readonly Element[]) =>
    elements.flatMap((one) =>
      list(one).map((element): SetElement => ({ table: to.family, set: one.set.name, key: one.set.key, element })),
    );
  const isStructure = [
    sets.fresh,
    sets.gone,
    chains.fresh,
    chains.gone,
    intervals,
    rewritten,
    counters.fresh,
    counters.gone,
  ].some(({ length }) => length > 0);
  // nobody comes to a new chain before a standing one, or an element, leads there: then its sets are filled in time
  const isForNobody =
    rewritten.length === 0 && elements.every(({ add }) => add.every(({ verdict }) => verdict === undefined));
  const prepared = isForNobody ? [] : sets.fresh.filter((set) => set.interval && set.elements.length > 0);
  const path = pathOf(to);
  const block = (what: Partial<Pick<Table, 'counters' | 'sets' | 'chains'>>): string =>
    Object.values(what).some(({ length }) => length > 0)
      ? printTable({ ...to, counters: [], sets: [], chains: [], ...what })
      : '';
  const filled = (list: readonly NftSet[]): string => {
    if (list.length === 0) return '';
    const empty = block({ sets: list.map((set) => ({ ...set, elements: [] })) });
    // an earlier attempt may have left one
    return [empty, ...list.map(({ name }) => `flush set ${path} ${printName(name)}\n`), block({ sets: list })].join('');
  };
  // Elements are added in a set's block: for an `add element`, as for a `delete element`, nft first reads the elements of all
  // interval sets of all tables (measured, 1.0.6 to 1.1.7: 5 µs each). Sets that lose some are not filled anew all the same:
  // the guard may have added to them since
  const text = () =>
    [
      ...[...rewritten, ...chains.gone].map(({ name }) => `flush chain ${path} ${printName(name)}\n`),
      block({
        counters: counters.fresh,
        sets: sets.fresh.filter((set) => !prepared.includes(set)),
        chains: [...chains.fresh, ...rewritten],
      }),
      filled(intervals),
      // one that the guard has deleted meanwhile is no error when it is added first
      block({ sets: withSome(elements.map(({ set, remove }) => ({ ...set, elements: remove }))) }),
      ...elements.map(({ set, remove }) => elementsText('delete', `${path} ${printName(set.name)}`, set, remove)),
      block({ sets: withSome(elements.map(({ set, add }) => ({ ...set, elements: add }))) }),
      ...sets.gone.map((set) => `delete ${set.data === 'verdict' ? 'map' : 'set'} ${path} ${printName(set.name)}\n`),
      ...chains.gone.map(({ name }) => `delete chain ${path} ${printName(name)}\n`),
      ...counters.gone.map((name) => `delete counter ${path} ${printName(name)}\n`),
    ].join('');
  return {
    remove: of(({ remove }) => remove),
    add: of(({ add }) => add),
    structure: isStructure ? { before: filled(prepared) } : null,
    text: isStructure || elements.some(({ remove, add }) => remove.length + add.length > 0) ? text : () => '',
  };
}

const withSome = (sets: readonly NftSet[]): readonly NftSet[] => sets.filter(({ elements }) => elements.length > 0);

function anew(to: Table, standing: Parameters<typeof transactionText>[1]): OneTable {
  return { remove: [], add: [], structure: { before: '' }, text: () => transactionText(to, standing) };
}

/** A change of elements for `nft -f`, where there is no way to say it over netlink. */
export function elementChangeText({ remove, add }: Pick<ElementChange, 'remove' | 'add'>): string {
  const lines = (verb: 'add' | 'delete', list: readonly SetElement[]) =>
    [...Map.groupBy(list, ({ table, set }) => `${table} sluice ${printName(set)}`).entries()].map(([path, same]) =>
      elementsText(
        verb,
        path,
        same[0] as SetElement,
        same.map(({ element }) => element),
      ),
    );
  return [...lines('delete', remove), ...lines('add', add)].join('');
}

/** @param path of the set: family, table, name */
function elementsText(
  verb: 'add' | 'delete',
  path: string,
  set: Pick<NftSet, 'key'>,
  elements: readonly Element[],
): string {
  if (elements.length === 0) return '';
  const list = elements.map((element) => printElement(set, element)).join(',\n\t');
  return `${verb} element ${path} { ${list} }\n`;
}

/** What is left of two lists without the same objects at their beginnings and ends. */
function differing<Item>(a: readonly Item[], b: readonly Item[]): readonly [readonly Item[], readonly Item[]] {
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a[start] === b[start]) start++;
  let end = 0;
  while (end < shorter - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return [a.slice(start, a.length - end), b.slice(start, b.length - end)];
}

interface Parted<Item> {
  readonly fresh: readonly Item[];
  readonly gone: readonly Item[];
  /** What has the same name and is not the same object: before, after. */
  readonly both: readonly (readonly [Item, Item])[];
}

function parted<Item extends { readonly name: string }>(from: readonly Item[], to: readonly Item[]): Parted<Item> {
  const [old, wanted] = differing(from, to);
  const before = new Map(old.map((one) => [one.name, one]));
  const fresh: Item[] = [];
  const both: (readonly [Item, Item])[] = [];
  for (const one of wanted) {
    const known = before.get(one.name);
    before.delete(one.name);
    if (known === undefined) fresh.push(one);
    else if (known !== one) both.push([known, one]);
  }
  return { fresh, gone: [...before.values()], both };
}

function missing(from: readonly string[], to: readonly string[]): readonly string[] {
  if (from === to) return [];
  const there = new Set(to);
  return from.filter((name) => !there.has(name));
}

interface SetChange {
  readonly set: NftSet;
  readonly remove: readonly Element[];
  readonly add: readonly Element[];
}

/** Elements of a set that come and go; one whose verdict changes does both. */
function changeElements(from: NftSet, to: NftSet): SetChange {
  const [old, wanted] = differing(from.elements, to.elements);
  if (old.length + wanted.length === 0) return { set: to, remove: [], add: [] };
  const kept = new Set(old);
  const after = wanted.filter((element) => !kept.delete(element));
  const before = new Map([...kept].map((element) => [keyText(element.key), element]));
  const remove: Element[] = [];
  const add: Element[] = [];
  for (const element of after) {
    const id = keyText(element.key);
    const known = before.get(id);
    before.delete(id);
    if (known !== undefined && isSameVerdict(known.verdict, element.verdict)) continue;
    if (known !== undefined) remove.push(known);
    add.push(element);
  }
  return { set: to, remove: [...remove, ...before.values()], add };
}

function isSameElements(a: NftSet, b: NftSet): boolean {
  const { remove, add } = changeElements(a, b);
  return remove.length + add.length === 0;
}

function isSameType(a: NftSet, b: NftSet): boolean {
  return a.interval === b.interval && a.data === b.data && a.key.join() === b.key.join();
}

function isSameHook({ hook: a }: Chain, { hook: b }: Chain): boolean {
  return a?.hook === b?.hook && a?.priority === b?.priority;
}

function isSameRules(a: Chain, b: Chain): boolean {
  return (
    a.rules === b.rules ||
    (a.rules.length === b.rules.length &&
      a.rules.every((rule, index) => {
        const other = b.rules[index] as Chain['rules'][number];
        return rule === other || printRule(rule) === printRule(other);
      }))
  );
}

/**
 * Tables after elements were removed and added: what stands when a change of elements has been made to them. What is
 * removed and not there, or added and there, changes nothing, as in the kernel's own batches of ours.
 */
export function withElements(
  tables: readonly Table[],
  { remove, add }: Pick<ElementChange, 'remove' | 'add'>,
): readonly Table[] {
  const bySet = new Map<string, { readonly remove: Set<string>; readonly add: Map<string, Element> }>();
  const of = ({ table, set }: SetElement) => {
    const id = `${table} ${set}`;
    const known = bySet.get(id) ?? { remove: new Set<string>(), add: new Map<string, Element>() };
    bySet.set(id, known);
    return known;
  };
  for (const one of remove) of(one).remove.add(keyText(one.element.key));
  for (const one of add) of(one).add.set(keyText(one.element.key), one.element);
  return tables.map((table) => ({
    ...table,
    sets: table.sets.map((set) => {
      const change = bySet.get(`${table.family} ${set.name}`);
      if (change === undefined) return set;
      const kept = set.elements.filter(({ key }) => {
        const id = keyText(key);
        return !change.remove.has(id) && !change.add.has(id);
      });
      return { ...set, elements: [...kept, ...change.add.values()] };
    }),
  }));
}
