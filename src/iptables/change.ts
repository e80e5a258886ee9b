import { type Family, families } from '../ip/address.ts';
import { bridgeText } from './change-frames.ts';
import type { BridgeBetween } from './edit.ts';
import { leaningOf } from './leaning.ts';
import type { EbTable, IpSet, IpSetElement, XChain, XState, XTable } from './model.ts';
import { nextGeneration, withGeneration } from './names.ts';
import { type NameOfSet, printElement, printRule, printSet } from './print.ts';

/** What stands, and under which name each of its sets does. */
export interface Stood {
  readonly state: XState;
  /** By the name without it. */
  readonly generations: ReadonlyMap<string, number>;
}

/** One command with its input; those of a list run side by side. */
export type Step =
  | { readonly kind: 'ipset'; readonly input: string }
  | { readonly kind: 'inet'; readonly input: Readonly<Partial<Record<Family, string>>> }
  | { readonly kind: 'bridge'; readonly input: string };

export interface StateChange {
  /** One after the other; none: everything stands already. */
  readonly steps: readonly Step[];
  readonly stood: Stood;
  /** Sets, as they are called in the kernel, that nothing refers to when all steps are done. */
  readonly stale: readonly string[];
  /** Whether rules change, and not elements and ports alone. */
  readonly isOfRules: boolean;
}

/**
 * The commands that make another state of the one that stands, saying only what differs; null: everything is to be made
 * anew.
 *
 * At no moment passes what either of the two denies. First goes the proof of those who leave; then what tightens; then the
 * rules, each table at once; then what loosens; then comes the proof of those who come; then bridges are enrolled, and last of all
 * who was barred is let go: he may be on one of them. A set whose change is neither,
 * or that changes together with rules, is made anew under another name, and the rules turn to it.
 *
 * @param between ebtables' tables on the way there
 * @param used generations that are taken beside those that stand
 */
export function changeState(
  before: Stood,
  after: XState,
  between: BridgeBetween,
  used: Iterable<number>,
): StateChange | null {
  if (families.some((family) => !hasSameHooks(before.state.tables[family], after.tables[family]))) return null;
  if (!hasSameHooks(before.state.bridge, after.bridge)) return null;
  const fresh = nextGeneration([...before.generations.values(), ...used]);
  const sets = changeSets(before, after);
  if (sets === null) return null;
  const generations = new Map(
    after.sets.map(({ name }) => [name, sets.anew.has(name) ? fresh : (before.generations.get(name) ?? fresh)]),
  );
  const nameOf: NameOfSet = (name) => withGeneration(name, generations.get(name) ?? fresh);
  const inet = Object.fromEntries(
    families.flatMap((family) => {
      const text = inetText(before.state.tables[family], after.tables[family], family, nameOf, sets.anew);
      return text === '' ? [] : [[family, text] as const];
    }),
  );
  const made = after.sets.filter(({ name }) => sets.anew.has(name)).flatMap((set) => printSet(set, nameOf));
  const isOfRules = Object.keys(inet).length > 0;
  const steps: readonly Step[] = [
    bridge(before.state.bridge, between.left),
    ...(isOfRules
      ? [ipset([...made, ...sets.first(nameOf)]), { kind: 'inet', input: inet } as const, ipset(sets.last(nameOf))]
      : [ipset([...made, ...sets.first(nameOf), ...sets.last(nameOf)])]),
    bridge(between.left, between.come),
    ipset(sets.demands(nameOf)),
    bridge(between.come, after.bridge),
  ];
  const there = new Map(after.sets.map(({ name }) => [name, true]));
  return {
    steps: steps.filter((step) => step.kind === 'inet' || step.input !== ''),
    stood: { state: after, generations },
    stale: before.state.sets.flatMap(({ name }) =>
      there.has(name) && !sets.anew.has(name) ? [] : [withGeneration(name, before.generations.get(name) ?? 0)],
    ),
    isOfRules,
  };
}

const ipset = (list: readonly string[]): Step => ({ kind: 'ipset', input: lines(list) });
const bridge = (from: readonly EbTable[], to: readonly EbTable[]): Step => ({
  kind: 'bridge',
  input: bridgeText(from, to),
});
const lines = (list: readonly string[]): string => list.map((line) => `${line}\n`).join('');

interface Hooked {
  readonly name: string;
  readonly jumps: readonly { readonly hook: string; readonly chain: string }[];
}

function hasSameHooks(a: readonly Hooked[], b: readonly Hooked[]): boolean {
  const text = (tables: readonly Hooked[]) =>
    tables.map(({ name, jumps }) => [name, ...jumps.map(({ hook, chain }) => `${hook} ${chain}`)].join());
  return text(a).join(';') === text(b).join(';');
}

// Sets

interface SetChanges {
  /** Sets that are made under another name: they are new, or their change is not one of single elements. */
  readonly anew: ReadonlySet<string>;
  /** Who leaves and what tightens; who comes and what loosens; which bridges must be proven from now on. */
  readonly first: (nameOf: NameOfSet) => readonly string[];
  readonly last: (nameOf: NameOfSet) => readonly string[];
  readonly demands: (nameOf: NameOfSet) => readonly string[];
}

/** What differs of one set. */
interface Difference {
  readonly set: IpSet;
  readonly add: readonly IpSetElement[];
  readonly remove: readonly IpSetElement[];
  /** Whether an element that stays has another mark: its sender is judged by another program. */
  readonly leadsElsewhere: boolean;
}

const enrolled = /^sluice-bridges[46](\/\d+)?$/;
const plain = /^sluice-plain-interfaces[46](\/\d+)?$/;

/** null: not to be said element by element. */
function changeSets(before: Stood, after: XState): SetChanges | null {
  const stood = new Map(before.state.sets.map((set) => [set.name, set]));
  const anew = new Set<string>();
  const differing: Difference[] = [];
  for (const set of after.sets) {
    const old = stood.get(set.name);
    if (old === set) continue;
    if (old === undefined || old.type !== set.type || old.family !== set.family || old.marks !== set.marks)
      anew.add(set.name);
    else {
      const difference = differenceOf(old, set);
      if (difference.add.length + difference.remove.length > 0) differing.push(difference);
    }
  }
  if (differing.some(({ set }) => set.type === 'list:set')) return null;
  // a number may be another program's with the rules that change: then set and rules turn in one
  for (const { set, leadsElsewhere } of differing) if (leadsElsewhere) anew.add(set.name);
  const senders = differing.filter(({ set }) => set.marks && !anew.has(set.name));
  const bridges = differing.filter(({ set }) => enrolled.test(set.name));
  const interfaces = differing.filter(({ set }) => plain.test(set.name));
  const judging = differing.filter(({ set }) => !set.marks && !enrolled.test(set.name) && !plain.test(set.name));
  const isRewritten = families.some((family) => rewrites(before.state.tables[family], after.tables[family], family));
  const tightening: (readonly Line[])[] = [];
  const loosening: (readonly Line[])[] = [];
  for (const one of judging) {
    const isOnly = judging.every((other) => other === one || other.set.family !== one.set.family);
    const leaning =
      // what stands for ranges is not one element each
      isRewritten || one.set.type === 'hash:net'
        ? 'unclear'
        : isOnly
          ? 'allows'
          : leaningOf(one.set.name, after.tables[one.set.family]);
    if (leaning === 'unclear') {
      anew.add(one.set.name);
      continue;
    }
    const [grows, shrinks] = leaning === 'allows' ? [loosening, tightening] : [tightening, loosening];
    grows.push(added(one));
    shrinks.push(removed(one));
  }
  // a list goes on holding the member that it was given
  const members = after.sets.flatMap(({ type, elements }) => (type === 'list:set' ? elements : []));
  if (members.some(({ key }) => anew.has(key))) return null;
  const said = (list: readonly Line[]) => (nameOf: NameOfSet) => list.map((line) => line(nameOf));
  return {
    anew,
    first: said([...senders.flatMap(removed), ...interfaces.flatMap(added), ...tightening.flat()]),
    last: said([...senders.flatMap(added), ...loosening.flat(), ...interfaces.flatMap(removed)]),
    demands: said([...bridges.flatMap(added), ...bridges.flatMap(removed)]),
  };
}

type Line = (nameOf: NameOfSet) => string;

const added = ({ set, add }: Difference): readonly Line[] =>
  add.map((element) => (nameOf) => `add ${nameOf(set.name)} ${printElement(set, element, nameOf)} -exist`);
const removed = ({ set, remove }: Difference): readonly Line[] =>
  remove.map((element) => (nameOf) => `del ${nameOf(set.name)} ${element.key} -exist`);

/** What comes and what goes; an element that stays and means something else comes. */
function differenceOf(old: IpSet, set: IpSet): Difference {
  const there = new Map(old.elements.map((element) => [element.key, element]));
  const add: IpSetElement[] = [];
  let leadsElsewhere = false;
  for (const element of set.elements) {
    const before = there.get(element.key);
    there.delete(element.key);
    if (before !== undefined && before.mark?.value !== element.mark?.value) leadsElsewhere = true;
    if (before === undefined || !meansSame(before, element)) add.push(element);
  }
  return { set, add, remove: [...there.values()], leadsElsewhere };
}

function meansSame(a: IpSetElement, b: IpSetElement): boolean {
  return a.nomatch === b.nomatch && a.mark?.value === b.mark?.value && a.mark?.mask === b.mark?.mask;
}

// Rules

const printed = new WeakMap<XChain, string>();

/** The rules with the names of their sets alone. */
function textOf(chain: XChain, family: Family): string {
  let text = printed.get(chain);
  if (text === undefined) {
    text = chain.rules.map((rule) => printRule('', rule, family, (name) => name)).join('\n');
    printed.set(chain, text);
  }
  return text;
}

/**
 * Works out beforehand what the first change of a state needs of it, with pauses: of a hundred thousand rules that takes
 * longer than a newcomer has.
 */
export function* prepareChange({ tables }: XState): Generator<void, void> {
  for (const family of families)
    for (const { chains } of tables[family])
      for (const chain of chains) {
        textOf(chain, family);
        yield;
      }
}

const tree = /^DOCKER-OUTBOUND-to-(forward|host)[46]/;

/** Whether a chain that stands and stays has other rules; the trees that lead to programs grow with each. */
function rewrites(from: readonly XTable[], to: readonly XTable[], family: Family): boolean {
  return to.some((table) => {
    if (from.includes(table)) return false;
    const old = chainsOf(from, table.name);
    return table.chains.some((chain) => {
      const before = old.get(chain.name);
      return before !== undefined && !tree.test(chain.name) && !isSame(before, chain, family);
    });
  });
}

function isSame(a: XChain, b: XChain, family: Family): boolean {
  return a === b || textOf(a, family) === textOf(b, family);
}

function chainsOf(tables: readonly XTable[], name: string): ReadonlyMap<string, XChain> {
  return new Map((tables.find((table) => table.name === name)?.chains ?? []).map((chain) => [chain.name, chain]));
}

function inetText(
  from: readonly XTable[],
  to: readonly XTable[],
  family: Family,
  nameOf: NameOfSet,
  anew: ReadonlySet<string>,
): string {
  return to
    .map((table) => {
      if (anew.size === 0 && from.includes(table)) return '';
      const { name, chains } = table;
      const old = chainsOf(from, name);
      const changed = chains.filter((chain) => {
        const before = old.get(chain.name);
        return before === undefined || !isSame(before, chain, family) || asks(chain, anew);
      });
      const there = new Set(chains.map((chain) => chain.name));
      const gone = [...old.keys()].filter((chain) => !there.has(chain));
      if (changed.length + gone.length === 0) return '';
      return lines([
        `*${name}`,
        ...changed.map((chain) => `:${chain.name} - [0:0]`),
        ...gone.map((chain) => `-F ${chain}`),
        ...changed.flatMap((chain) => chain.rules.map((rule) => printRule(chain.name, rule, family, nameOf))),
        ...gone.map((chain) => `-X ${chain}`),
        'COMMIT',
      ]);
    })
    .join('');
}

function asks({ rules }: XChain, sets: ReadonlySet<string>): boolean {
  return (
    sets.size > 0 &&
    rules.some(
      ({ matches, target }) =>
        (target?.kind === 'map-mark' && sets.has(target.set)) ||
        matches.some((match) => match.kind === 'set' && sets.has(match.set)),
    )
  );
}
