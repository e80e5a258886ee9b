import { diagnostic } from './codes.ts';
import type { Destination, Group, Who } from './model.ts';
import type { Report } from './piece.ts';
import type { SourceRef } from './source.ts';

export type Groups = ReadonlyMap<string, Group>;

/** What a group holds at any depth; each is the place of the first such member, in order of the text. */
export interface GroupFacts {
  /** A member that says ports or a protocol (the built-in `dns` does). */
  readonly layer4: SourceRef | undefined;
  /** A member that is a DNS name. */
  readonly name: SourceRef | undefined;
  /** A DNS name without ports, which is right only where the use of the group adds them. */
  readonly bareName: SourceRef | undefined;
}

const nothing: GroupFacts = { layer4: undefined, name: undefined, bareName: undefined };

/** The facts of every group; a group that is not there, or is inside itself, adds nothing. */
export function groupFacts(groups: Groups): ReadonlyMap<string, GroupFacts> {
  const known = new Map<string, GroupFacts>();
  const visit = (name: string): GroupFacts => {
    const before = known.get(name);
    if (before !== undefined) return before;
    known.set(name, nothing); // stands while the group is inside itself
    const facts = (groups.get(name)?.members ?? []).map((member) => destinationFacts(member, visit));
    const joined = facts.reduce(join, nothing);
    known.set(name, joined);
    return joined;
  };
  for (const name of groups.keys()) visit(name);
  return known;
}

/** What one entry holds, groups taken apart by `ofGroup`. */
export function destinationFacts(entry: Destination, ofGroup: (name: string) => GroupFacts): GroupFacts {
  const [only] = entry.who;
  if (only !== undefined && entry.who.length === 1) return factsOf(only, entry, ofGroup);
  return entry.who.map((one) => factsOf(one, entry, ofGroup)).reduce(join, nothing);
}

function factsOf(one: Who, { l4, source }: Destination, ofGroup: (name: string) => GroupFacts): GroupFacts {
  if (one.kind === 'group') {
    const inner = ofGroup(one.name);
    const ported = l4 === 'any' ? inner.layer4 : source;
    return { ...inner, layer4: ported, bareName: hasPorts(l4) ? undefined : inner.bareName };
  }
  const own = l4 !== 'any' || (one.kind === 'builtin' && one.group === 'dns') ? source : undefined;
  if (one.kind !== 'name') return { layer4: own, name: undefined, bareName: undefined };
  return { layer4: own, name: source, bareName: hasPorts(l4) ? undefined : source };
}

/** Whether an entry says ports; a protocol alone leaves all of them. */
function hasPorts(l4: Destination['l4']): boolean {
  return l4 !== 'any' && l4.every(({ ports }) => ports.low > 0);
}

function join(a: GroupFacts, b: GroupFacts): GroupFacts {
  return { layer4: a.layer4 ?? b.layer4, name: a.name ?? b.name, bareName: a.bareName ?? b.bareName };
}

/** Of groups that all use each other there are as many circles as uses. */
const mostCircles = 20;

/** Reports each circle of groups once, up to twenty, at its first group, and names the way round. */
export function reportCycles(groups: Groups, report: Report): void {
  const done = new Set<string>();
  let circles = 0;
  const walk = (name: string, path: readonly string[]): void => {
    const start = path.indexOf(name);
    if (start >= 0) {
      if (circles++ < mostCircles) reportCycle(path.slice(start), groups, report);
      return;
    }
    if (done.has(name)) return;
    for (const next of usedBy(groups.get(name))) if (groups.has(next)) walk(next, [...path, name]);
    done.add(name);
  };
  for (const name of [...groups.keys()].toSorted()) walk(name, []);
}

function reportCycle(circle: readonly string[], groups: Groups, report: Report): void {
  const [first = ''] = circle;
  const source = groups.get(first)?.source;
  if (source === undefined) return;
  const round = [...circle, first].join(' → ');
  const related = circle.slice(1).flatMap((name) => groups.get(name)?.source ?? []);
  report(
    diagnostic(
      'groupCycle',
      source,
      circle.length === 1 ? `the group "${first}" uses itself` : `groups in a circle: ${round}`,
      {
        fix: 'take one of them out of the other',
        ...(related.length > 0 ? { related } : {}),
      },
    ),
  );
}

function usedBy(group: Group | undefined): readonly string[] {
  return (group?.members ?? []).flatMap(({ who }) => who.flatMap((one) => (one.kind === 'group' ? [one.name] : [])));
}
