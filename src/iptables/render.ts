import type { Table } from '../nftables/model.ts';
import { renderRuleset } from '../nftables/render.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';
import { type HostFacts, inetRules } from './inet.ts';
import { layer2, type Place } from './layer2.ts';
import type { XState } from './model.ts';
import { Names } from './names.ts';

/**
 * What holds a ruleset with iptables, ip6tables, ipset and ebtables. The rules of each program are compiled once, to the
 * neutral chains and sets that nftables has as they are; here they are written in what iptables has.
 *
 * @throws NotHeldError when it cannot be held exactly
 */
export function renderXtables(ruleset: Ruleset, facts: HostFacts): XState {
  const inet = renderRuleset(ruleset).find(({ family }) => family === 'inet') as Table;
  const names = new Names();
  const known: HostFacts = { ...facts, interfaces: new Map([...facts.interfaces, ...interfacesOf(ruleset)]) };
  const [v4, v6] = ([4, 6] as const).map((family) => inetRules(inet, family, names, known)) as [
    ReturnType<typeof inetRules>,
    ReturnType<typeof inetRules>,
  ];
  return {
    sets: [...v4.sets, ...v6.sets],
    tables: { 4: v4.tables, 6: v6.tables },
    bridge: layer2(placesOf(ruleset), ruleset.bridges, names),
  };
}

/** Interfaces that a ruleset names with their indices. */
function interfacesOf({ endpoints, seats, groups }: Ruleset): ReadonlyMap<number, string> {
  const all = [
    ...endpoints.flatMap(({ bridge, port }) => [bridge, port]),
    ...seats.map(({ bridge }) => bridge),
    ...groups.flatMap(({ members }) => members.map(({ bridge }) => bridge)),
  ];
  return new Map(all.map(({ index, name }) => [index, name]));
}

function placesOf({ endpoints, bridges }: Ruleset): readonly Place[] {
  const judged = new Set(bridges.filter(({ unknown }) => unknown.kind === 'judge').map(({ name }) => name));
  return endpoints.map(({ port, mac, addresses, bridge }) => ({
    port: port.name,
    mac,
    addresses,
    strict: !judged.has(bridge.name),
  }));
}
