import type { Table } from './model.ts';
import { printName } from './print.ts';
import { printTable, tableParts } from './print-table.ts';

/** Names of what stands in the kernel under one of our tables. */
export interface Standing {
  readonly chains: readonly string[];
  readonly sets: readonly string[];
  readonly maps: readonly string[];
  readonly counters: readonly string[];
}

/**
 * Changes with the meaning of names or the types of sets. A table of another layout is replaced as a whole, which costs
 * a packet or two (facts: delete-and-recreate); one of the same layout is flushed and filled again, which costs none.
 */
const layout = 'layout-1';

/**
 * The text of one `nft -f` transaction that leaves exactly `table` standing.
 *
 * @param standing what is there now; null when the table does not exist
 */
export function transactionText(table: Table, standing: Standing | null): string {
  const path = `${table.family} ${printName(table.name)}`;
  const marked: Table = { ...table, chains: [...table.chains, { name: layout, rules: [] }] };
  const fill = printTable(marked);
  if (standing === null) return fill;
  if (!standing.chains.includes(layout)) return `delete table ${path}\n${fill}`;
  const wanted = wantedNames(marked);
  const gone = (names: readonly string[], keep: ReadonlySet<string>) => names.filter((name) => !keep.has(name));
  return [
    `flush table ${path}`,
    ...standing.maps.map((name) => `flush map ${path} ${printName(name)}`),
    ...standing.sets.map((name) => `flush set ${path} ${printName(name)}`),
    fill,
    ...gone(standing.maps, wanted.sets).map((name) => `delete map ${path} ${printName(name)}`),
    ...gone(standing.sets, wanted.sets).map((name) => `delete set ${path} ${printName(name)}`),
    ...gone(standing.chains, wanted.chains).map((name) => `delete chain ${path} ${printName(name)}`),
    ...gone(standing.counters, wanted.counters).map((name) => `delete counter ${path} ${printName(name)}`),
    '',
  ].join('\n');
}

/**
 * The text of one `nft -f` transaction that fills tables anew whatever stands there, without reading it first: what is
 * missing is made, what is ours is emptied and filled. Chains and sets that somebody added beside ours stay, and no rule
 * of ours refers to them.
 */
export function refillText(tables: readonly Table[]): string {
  return tables
    .map((table) => {
      const path = `${table.family} ${printName(table.name)}`;
      const marked: Table = { ...table, chains: [...table.chains, { name: layout, rules: [] }] };
      const empty: Table = {
        ...marked,
        sets: table.sets.map((set) => ({ ...set, elements: [] })),
        chains: marked.chains.map((chain) => ({ ...chain, rules: [] })),
      };
      return [
        printTable(empty), // what is not there cannot be flushed
        `flush table ${path}`,
        ...table.sets.map(({ name, data }) => `flush ${data === 'verdict' ? 'map' : 'set'} ${path} ${printName(name)}`),
        printTable(marked),
      ].join('\n');
    })
    .join('\n');
}

/** The same, whatever has become of the tables: both are thrown away and made anew, which costs a packet or two. */
export function replaceText(tables: readonly Table[]): string {
  return [...replaceParts(tables)].join('\n');
}

/** The text of {@link replaceText} in parts, to be joined by line ends. */
export function* replaceParts(tables: readonly Table[]): Generator<string> {
  for (const table of tables) {
    const path = `${table.family} ${printName(table.name)}`;
    yield `table ${path} { }\ndelete table ${path}`;
    yield* tableParts({ ...table, chains: [...table.chains, { name: layout, rules: [] }] });
  }
}

/** Whether everything of a table stands, and nothing of others beside it: by name, which is all that a refill leaves open. */
export function standsAlone(table: Table, standing: Standing): boolean {
  const { sets, chains, counters } = wantedNames({ ...table, chains: [...table.chains, { name: layout, rules: [] }] });
  const isAll = (names: readonly string[], wanted: ReadonlySet<string>) =>
    names.length === wanted.size && names.every((name) => wanted.has(name));
  return (
    isAll(standing.chains, chains) &&
    isAll([...standing.sets, ...standing.maps], sets) &&
    isAll(standing.counters, counters)
  );
}

/** A transaction to run before another, and what stands after it. */
export interface Preparation {
  /** Empty when there is nothing to prepare. */
  readonly text: string;
  readonly standing: Standing | null;
}

/**
 * What to run before the transaction of {@link transactionText}, which then starts from the standing given here: it fills the interval sets that do not stand
 * yet, which no rule refers to. The kernel looks intervals up in a copy that it makes after new rules are in force
 * (net/netfilter/nft_set_rbtree.c and nft_set_pipapo.c, `commit`), so that a set made together with its rules is empty
 * for them at first: some tenth of a millisecond in which allowed packets are lost and denied ones pass.
 */
export function prepare(table: Table, standing: Standing | null): Preparation {
  if (standing === null || !standing.chains.includes(layout)) return { text: '', standing };
  const known = new Set(standing.sets);
  const sets = table.sets.filter(({ name, interval, elements }) => interval && elements.length > 0 && !known.has(name));
  if (sets.length === 0) return { text: '', standing };
  return {
    text: printTable({ ...table, counters: [], chains: [], sets }),
    standing: { ...standing, sets: [...standing.sets, ...sets.map(({ name }) => name)] },
  };
}

function wantedNames(table: Table): Readonly<Record<'sets' | 'chains' | 'counters', ReadonlySet<string>>> {
  return {
    sets: new Set(table.sets.map((set) => set.name)),
    chains: new Set(table.chains.map((chain) => chain.name)),
    counters: new Set(table.counters),
  };
}
