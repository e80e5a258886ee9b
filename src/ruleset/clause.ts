import type { Address } from '../ip/address.ts';
import { type AddressSet, setIncludes } from '../ip/address-set.ts';
import { type Box, boxesOf, icmpOf } from '../ip/box.ts';
import { everyPort, type L4, type L4Match } from '../ip/protocol.ts';
import type { SourceRef } from '../policy/source.ts';
import type { Clause, GroupId, Ruleset } from './ruleset.ts';

export type Plane = Clause['plane'];

/** The addresses behind a group's id. */
export type GroupAddresses = (group: GroupId) => AddressSet;

/** Where a packet goes, as far as clauses ask. `port` is 0 where the protocol has none. */
export interface Target {
  readonly plane: Plane;
  readonly address: Address;
  readonly protocol: number;
  readonly port: number;
}

/** @param now milliseconds since the epoch; see {@link counts} */
export function clauseMatches(clause: Clause, target: Target, groups: GroupAddresses, now: number): boolean {
  return (
    clause.plane === target.plane &&
    counts(clause, now) &&
    l4Matches(clause.l4, target) &&
    setIncludes(addressesOf(clause, groups), target.address)
  );
}

/** Whether a clause still counts: `until` is the last instant it does. */
export function counts(clause: Pick<Clause, 'until'>, now: number): boolean {
  return clause.until === undefined || now <= clause.until;
}

/** The addresses that a clause is about; a group's are those that its members have now. */
export function addressesOf(clause: Clause, groups: GroupAddresses): AddressSet {
  return clause.to.kind === 'addresses' ? clause.to.set : groups(clause.to.group);
}

/** Whether protocol and port fit; `icmp` is 1 to IPv4 addresses and 58 to IPv6 ones. */
export function l4Matches(l4: L4Match, target: Pick<Target, 'address' | 'protocol' | 'port'>): boolean {
  if (l4 === 'any') return true;
  return l4.some(
    ({ protocol, ports }) =>
      (protocol === 'icmp' ? icmpOf(target.address.family) : protocol) === target.protocol &&
      ports.low <= target.port &&
      target.port <= ports.high,
  );
}

/** The packets of one plane that some of the clauses match. */
export function regionOf(
  clauses: readonly Clause[],
  plane: Plane,
  groups: GroupAddresses,
  now: number,
): readonly Box[] {
  return clauses.flatMap((clause) =>
    clause.plane === plane && counts(clause, now) ? boxesOf(addressesOf(clause, groups), clause.l4) : [],
  );
}

/** How a Ruleset's clauses find their groups. */
export function groupsOf(ruleset: Pick<Ruleset, 'groups'>): GroupAddresses {
  const byId = new Map(ruleset.groups.map(({ id, addresses }) => [id, addresses]));
  return (group) => {
    const addresses = byId.get(group);
    if (addresses === undefined) throw new Error(`the ruleset has no group ${group}`);
    return addresses;
  };
}

/** The same layer 4 match, sorted and without repetition. */
export function canonicalL4(l4: L4Match): L4Match {
  if (l4 === 'any' || l4.length < 2) return l4;
  const byKey = new Map(l4.map((one) => [l4Key(one), one]));
  return [...byKey.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

function l4Key({ protocol, ports }: L4): string {
  const number = protocol === 'icmp' ? 'icmp' : String(protocol).padStart(3, '0');
  return ports.low === everyPort.low && ports.high === everyPort.high
    ? number
    : `${number}:${String(ports.low).padStart(5, '0')}-${String(ports.high).padStart(5, '0')}`;
}

const setKeys = new WeakMap<AddressSet, string>();

/** Text that two sets share when they hold the same addresses, and only then. */
export function setKey(set: AddressSet): string {
  let key = setKeys.get(set);
  if (key === undefined) {
    const of = (intervals: AddressSet['v4']) =>
      intervals
        .map(({ low, high }) => (low === high ? low.toString(36) : `${low.toString(36)}-${high.toString(36)}`))
        .join(',');
    key = `${of(set.v4)}|${of(set.v6)}`;
    setKeys.set(set, key);
  }
  return key;
}

/** Text that two clauses share when they match the same packets for the same time, whoever wrote them. */
export function meaningKey(clause: Clause): string {
  const to = clause.to.kind === 'group' ? `@${clause.to.group}` : setKey(clause.to.set);
  const l4 = clause.l4 === 'any' ? 'any' : clause.l4.map(l4Key).join(',');
  return `${clause.plane} ${to} ${l4} ${clause.until ?? ''}`;
}

/** Sorts as the places stand in their files. */
export function sourceKey({ file, line, column }: SourceRef): string {
  return `${file}\0${String(line).padStart(6, '0')}\0${String(column).padStart(4, '0')}`;
}

/** The order of clauses: as written, then what they mean, then where they stand. 0 for clauses alike in all of it. */
function compareClauses(a: Clause, b: Clause): number {
  if (a.entry !== b.entry) return a.entry < b.entry ? -1 : 1;
  return compareTexts(meaningKey(a), meaningKey(b)) || compareTexts(sourceKey(a.source), sourceKey(b.source));
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Clauses in their canonical order, without repetition. */
export function canonical(clauses: readonly Clause[]): readonly Clause[] {
  return clauses
    .toSorted(compareClauses)
    .filter((clause, at, sorted) => at === 0 || compareClauses(sorted[at - 1] as Clause, clause) !== 0);
}

/** Text that two clauses share when they are alike in everything that people see. */
export function clauseKey(clause: Clause): string {
  return `${clause.entry}\0${meaningKey(clause)}\0${sourceKey(clause.source)}`;
}
