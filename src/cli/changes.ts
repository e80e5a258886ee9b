import { coverage } from '../evaluate/coverage.ts';
import { type Box, coversBoxes, intersectBoxes, subtractBoxes } from '../ip/box.ts';
import { groupsOf } from '../ruleset/clause.ts';
import type { AddressGroup, Clause, EndpointIdentity, Program, Ruleset } from '../ruleset/ruleset.ts';
import { packetsOf } from './boxes.ts';
import { entriesOf } from './reach.ts';

/** What applying a ruleset means for the containers of one workload that fare alike. */
export interface Change {
  /** `PROJECT/SERVICE` or `container/NAME`. */
  readonly workload: string;
  /** Names, sorted. */
  readonly containers: readonly string[];
  readonly kind: 'held' | 'released' | 'changed' | 'unchanged';
  /** Of `changed`: entries that it may not reach any more, and that it may reach now; `part of` where not all of it. */
  readonly loses: readonly string[];
  readonly gains: readonly string[];
  readonly mode: { readonly from: Program['mode'] | null; readonly to: Program['mode'] | null };
  /** How it is judged afterwards, by network; empty for `released`. */
  readonly programs: readonly Program[];
}

/**
 * What changes from one ruleset to the next, container by container. Groups of containers are compared by who they are:
 * a container that only got another address changes nothing for those that may reach it.
 *
 * @param before null when nothing was applied before
 * @param now milliseconds since the epoch
 */
export function changesBetween(before: Ruleset | null, after: Ruleset, now: number): readonly Change[] {
  const compare = comparison(before, after, now);
  const old = byContainer(before?.endpoints ?? []);
  const next = byContainer(after.endpoints);
  const changes = [...new Set([...old.keys(), ...next.keys()])].map((name): Change => {
    const [was, is] = [old.get(name) ?? [], next.get(name) ?? []];
    const found = compare(
      was.map(({ program }) => program),
      is.map(({ program }) => program),
    );
    return { workload: (is[0] ?? was[0])?.workload ?? name, containers: [name], ...found };
  });
  return merge(changes);
}

type Found = Omit<Change, 'workload' | 'containers'>;

/** Compares programs by id; many containers share one, so each pair is compared once. */
function comparison(before: Ruleset | null, after: Ruleset, now: number) {
  const common = { groups: unionOfGroups(before, after), hostAddresses: after.hostAddresses };
  const programOf = (ruleset: Ruleset | null) => {
    const byId = new Map(ruleset?.programs.map((program) => [program.id, program]));
    return (ids: readonly string[]) => [...new Set(ids)].toSorted().flatMap((id) => byId.get(id) ?? []);
  };
  const [oldPrograms, newPrograms] = [programOf(before), programOf(after)];
  const known = new Map<string, Found>();
  return (was: readonly string[], is: readonly string[]): Found => {
    const key = JSON.stringify([was.toSorted(), is.toSorted()]);
    let found = known.get(key);
    if (found === undefined) {
      found = compareContainer(oldPrograms(was), newPrograms(is), common, now);
      known.set(key, found);
    }
    return found;
  };
}

type Common = Pick<Ruleset, 'groups' | 'hostAddresses'>;

function compareContainer(was: readonly Program[], is: readonly Program[], common: Common, now: number): Found {
  const mode = { from: was[0]?.mode ?? null, to: is[0]?.mode ?? null };
  const still = { loses: [], gains: [], mode, programs: is };
  if (was.length === 0) return { kind: 'held', ...still };
  if (is.length === 0) return { kind: 'released', ...still };
  const loses = lost(was, is, common, now);
  const gains = lost(is, was, common, now);
  const changed = loses.length > 0 || gains.length > 0 || mode.from !== mode.to;
  return { ...still, kind: changed ? 'changed' : 'unchanged', loses, gains };
}

/** Entries of what `from` lets pass and `to` does not, modes read as enforce. */
function lost(from: readonly Program[], to: readonly Program[], common: Common, now: number): readonly string[] {
  const passes = (programs: readonly Program[], region: readonly Box[]) =>
    programs.flatMap((program) => coverage(common, { ...program, mode: 'enforce' }, region, now).allowed);
  const lostOf = (region: readonly Box[]) => {
    const before = passes(from, region);
    return before.length === 0 ? before : subtractBoxes(before, passes(to, before));
  };
  const region = (clauses: readonly Clause[]) => packetsOf(clauses, groupsOf(common), common.hostAddresses);

  // what is denied by name says more than the wider entry it was cut out of
  const denials = byEntry(to.flatMap(({ deny, guard }) => [...deny, ...guard]));
  const denied = denials.flatMap(([entry, clauses]) => {
    const gone = lostOf(region(clauses));
    return gone.length === 0 ? [] : [{ entry, gone }];
  });
  const told = denied.flatMap(({ gone }) => gone);
  const permissions = byEntry(from.flatMap(({ allow, except }) => [...allow, ...except]));
  const dropped = permissions.flatMap(([entry, clauses]) => {
    const whole = region(clauses);
    const gone = subtractBoxes(lostOf(whole), told);
    if (gone.length === 0) return [];
    return [coversBoxes([...gone, ...intersectBoxes(told, whole)], whole) ? entry : `part of ${entry}`];
  });
  return [...denied.map(({ entry }) => entry), ...dropped];
}

function byEntry(clauses: readonly Clause[]): readonly (readonly [string, readonly Clause[]])[] {
  return entriesOf(clauses).map((entry) => [entry, clauses.filter((clause) => clause.entry === entry)]);
}

/** The new addresses of every group; of those that are no more, the last ones. */
function unionOfGroups(before: Ruleset | null, after: Ruleset): readonly AddressGroup[] {
  const groups = new Map([...(before?.groups ?? []), ...after.groups].map((group) => [group.id, group]));
  return [...groups.values()];
}

function byContainer(endpoints: readonly EndpointIdentity[]): ReadonlyMap<string, readonly EndpointIdentity[]> {
  return Map.groupBy(endpoints, ({ container }) => container.name);
}

/** Containers of one workload with the same change become one; sorted by workload, those that change first. */
function merge(changes: readonly Change[]): readonly Change[] {
  const merged = new Map<string, Change>();
  for (const change of changes.toSorted((a, b) => compareText(a.containers[0] ?? '', b.containers[0] ?? ''))) {
    const { workload, kind, loses, gains, mode, programs } = change;
    const key = JSON.stringify([workload, kind, loses, gains, mode, programs.map(({ id }) => id)]);
    const same = merged.get(key);
    merged.set(key, same === undefined ? change : { ...same, containers: [...same.containers, ...change.containers] });
  }
  return [...merged.values()].toSorted(
    (a, b) => Number(a.kind === 'unchanged') - Number(b.kind === 'unchanged') || compareText(a.workload, b.workload),
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
