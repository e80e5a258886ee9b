import type { Table } from '../nftables/model.ts';
import { renderRuleset } from '../nftables/render.ts';
import { disputes } from '../ruleset/disputed.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';
import { NotHeldError } from './errors.ts';
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
  const [odd] = ruleset.barred ?? [];
  if (odd !== undefined)
    throw new NotHeldError(
      `iptables cannot bar ${JSON.stringify(odd.name)}, from which nothing may pass: a bridge whose name no rule can carry, or a container on a bridge that is not the containers' alone; nftables can`,
    );
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
  const isDisputed = disputes(endpoints);
  const judged = new Set(bridges.filter(({ unknown }) => unknown.kind === 'judge').map(({ name }) => name));
  return endpoints.map((endpoint) => ({
    port: endpoint.port.name,
    mac: endpoint.mac,
    addresses: endpoint.addresses.filter((address) => !isDisputed(endpoint, address)),
    strict: !judged.has(endpoint.bridge.name),
  }));
}
