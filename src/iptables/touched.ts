import { families } from '../ip/address.ts';
import { chainKey } from './digests.ts';
import type { EbTable, XState, XTable } from './model.ts';

/** What a state has in sets and chains, by name; what means the same all the time is one object. */
function partsOf({ sets, tables, bridge }: XState): ReadonlyMap<string, object> {
  const chains = (of: string, some: readonly (XTable | EbTable)[]) =>
    some.flatMap(({ name, chains: its }) => its.map((chain) => [chainKey(of, name, chain.name), chain] as const));
  return new Map<string, object>([
    ...sets.map((set) => [set.name, set] as const),
    ...families.flatMap((family) => chains(String(family), tables[family])),
    ...chains('bridge', bridge),
  ]);
}

/** Names of the sets and chains that change on the way from one state to another. */
export function touchedBetween(before: XState, after: XState): readonly string[] {
  const [from, to] = [partsOf(before), partsOf(after)];
  return [...new Set([...from.keys(), ...to.keys()])].filter((key) => from.get(key) !== to.get(key));
}

/** A state without the sets and chains of these names. */
export function withoutTouched(state: XState, touched: ReadonlySet<string>): XState {
  const rest = <Table extends XTable | EbTable>(of: string, tables: readonly Table[]): readonly Table[] =>
    tables.map((table) => ({
      ...table,
      chains: table.chains.filter(({ name }) => !touched.has(chainKey(of, table.name, name))),
    }));
  return {
    sets: state.sets.filter(({ name }) => !touched.has(name)),
    tables: { 4: rest('4', state.tables[4]), 6: rest('6', state.tables[6]) },
    bridge: rest('bridge', state.bridge),
  };
}
