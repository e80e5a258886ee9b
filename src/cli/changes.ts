import { coverage } from '../evaluate/coverage.ts';
import { type Box, coversBoxes, intersectBoxes, subtractBoxes } from '../ip/box.ts';
import { groupsOf, meaningKey } from '../ruleset/clause.ts';
import type { AddressGroup, Clause, Program, Ruleset } from '../ruleset/ruleset.ts';
import { isCutOff } from '../ruleset/unheld.ts';
import type { World } from '../world/world.ts';
import { packetsOf } from './boxes.ts';
import { entriesOf } from './reach.ts';

/** What applying a ruleset means for the containers of one workload that fare alike. */
export interface Change {
  /** `PROJECT/SERVICE` or `container/NAME`. */
  readonly workload: string;
  /** Names, sorted. */
  readonly containers: readonly string[];
  /** `cut-off`: nobody knows where it sends from any more, so everything it sends is dropped. */
  readonly kind: 'held' | 'released' | 'cut-off' | 'gone' | 'changed' | 'unchanged';
  /** Of `changed`: entries that it may not reach any more, and that it may reach now; `part of` where not all of it. */
  readonly loses: readonly string[];
  readonly gains: readonly string[];
  readonly mode: { readonly from: Program['mode'] | null; readonly to: Program['mode'] | null };
  /** How it is judged afterwards, by network; empty for `released`, `cut-off` and `gone`: it does not run. */
  readonly programs: readonly Program[];
}

/**
 * What changes from one ruleset to the next, container by container. Groups of containers are compared by who they are:
 * a container that only got another address changes nothing for those that may reach it.
 *
 * @param before null when nothing was applied before
 * @param now milliseconds since the epoch
 * @param world what runs now
 */
export function changesBetween(before: Ruleset | null, after: Ruleset, now: number, world: World): readonly Change[] {
  const running = new Set(world.containers.filter((container) => container.running).map(({ name }) => name));
  const unheld = Map.groupBy(after.unheld, ({ container }) => container.name);
  const without = (name: string) => {
    if (!running.has(name)) return 'gone';
    return isCutOff(unheld.get(name) ?? []) ? 'cut-off' : 'released';
  };
  const compare = comparison({ groups: unionOfGroups(before, after), hostAddresses: after.hostAddresses }, now);
  const old = before === null ? new Map<string, Standing>() : standings(before);
  const next = standings(after);
  const changes = [...new Set([...old.keys(), ...next.keys()])].map((name): Change => {
    const [was, is] = [old.get(name), next.get(name)];
    return {
      workload: is?.workload ?? was?.workload ?? name,
      containers: [name],
      ...fareOf(was, is, compare, without(name)),
    };
  });
  return merge(changes);
}

/** How a container is judged: the program of each network it is on, by the network's name. */
interface Standing {
  readonly workload: string;
  readonly programs: ReadonlyMap<string, Program>;
}

function standings(ruleset: Ruleset): ReadonlyMap<string, Standing> {
  const programs = new Map(ruleset.programs.map((program) => [program.id, program]));
  const networks = new Map(ruleset.bridges.map(({ name, network }) => [name, network]));
  const found = new Map<string, Standing & { readonly programs: Map<string, Program> }>();
  for (const { container, workload, bridge, program } of ruleset.endpoints) {
    const standing = found.get(container.name) ?? { workload, programs: new Map<string, Program>() };
    found.set(container.name, standing);
    const judge = programs.get(program);
    if (judge !== undefined) standing.programs.set(networks.get(bridge.name) ?? bridge.name, judge);
  }
  return found;
}

type Fare = Omit<Change, 'workload' | 'containers'>;

function fareOf(was: Standing | undefined, is: Standing | undefined, compare: Compare, without: Change['kind']): Fare {
  const programs = [...new Set(is?.programs.values())];
  const modeOf = (standing: Standing | undefined) => standing?.programs.values().next().value?.mode ?? null;
  const still = { loses: [], gains: [], mode: { from: modeOf(was), to: modeOf(is) }, programs };
  if (was === undefined) return { kind: 'held', ...still };
  if (is === undefined) return { kind: without, ...still };
  const both = [...is.programs].flatMap(([network, program]) => {
    const before = was.programs.get(network);
    return before === undefined ? [] : [compare(before, program)];
  });
  const missing = (from: Standing, to: Standing) =>
    [...from.programs.keys()].filter((network) => !to.programs.has(network)).map((network) => `the network ${network}`);
  const loses = [...new Set([...both.flatMap((one) => one.loses), ...missing(was, is)])];
  const gains = [...new Set([...both.flatMap((one) => one.gains), ...missing(is, was)])];
  const changed = loses.length > 0 || gains.length > 0 || still.mode.from !== still.mode.to;
  return { ...still, kind: changed ? 'changed' : 'unchanged', loses, gains };
}

type Compare = (was: Program, is: Program) => { readonly loses: readonly string[]; readonly gains: readonly string[] };
type Common = Pick<Ruleset, 'groups' | 'hostAddresses'>;

/** Compares programs; many containers share one, so each pair is compared once. */
function comparison(common: Common, now: number): Compare {
  const known = new Map<Program, Map<Program, ReturnType<Compare>>>();
  return (was, is) => {
    const ofWas = known.get(was) ?? new Map<Program, ReturnType<Compare>>();
    known.set(was, ofWas);
    let found = ofWas.get(is);
    if (found === undefined) {
      found = { loses: lost(was, is, common, now), gains: lost(is, was, common, now) };
      ofWas.set(is, found);
    }
    return found;
  };
}

/**
 * Entries of what `from` lets pass and `to` does not, modes read as enforce. Only clauses that one of them has and the
 * other has not can make a difference, which spares most of the work.
 */
function lost(from: Program, to: Program, common: Common, now: number): readonly string[] {
  const added = without([...to.deny, ...to.guard], [...from.deny, ...from.guard]);
  const gone = without([...from.allow, ...from.except], [...to.allow, ...to.except]);
  if (added.length + gone.length === 0) return [];
  const groups = groupsOf(common);
  const region = (clauses: readonly Clause[]) => packetsOf(clauses, groups, common.hostAddresses);
  const passes = (program: Program, packets: readonly Box[]) =>
    packets.length === 0 ? packets : coverage(common, { ...program, mode: 'enforce' }, packets, now).allowed;
  const lostOf = (packets: readonly Box[]) => {
    const before = passes(from, packets);
    return subtractBoxes(before, passes(to, before));
  };

  // what is denied by name says more than the wider entry it was cut out of
  const denied = entriesOf(added).flatMap((entry) => {
    const packets = lostOf(region(added.filter((clause) => clause.entry === entry)));
    return packets.length === 0 ? [] : [{ entry, packets }];
  });
  const told = denied.flatMap(({ packets }) => packets);
  const dropped = entriesOf(gone).flatMap((entry) => {
    const packets = subtractBoxes(lostOf(region(gone.filter((clause) => clause.entry === entry))), told);
    if (packets.length === 0) return [];
    const whole = region([...from.allow, ...from.except].filter((clause) => clause.entry === entry));
    return [coversBoxes([...packets, ...intersectBoxes(told, whole)], whole) ? entry : `part of ${entry}`];
  });
  return [...denied.map(({ entry }) => entry), ...dropped];
}

/** Clauses that mean what none of `others` means. */
function without(clauses: readonly Clause[], others: readonly Clause[]): readonly Clause[] {
  const theirs = new Set(others.map(meaningKey));
  return clauses.filter((clause) => !theirs.has(meaningKey(clause)));
}

/** The new addresses of every group; of those that are no more, the last ones. */
function unionOfGroups(before: Ruleset | null, after: Ruleset): readonly AddressGroup[] {
  const groups = new Map([...(before?.groups ?? []), ...after.groups].map((group) => [group.id, group]));
  return [...groups.values()];
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
