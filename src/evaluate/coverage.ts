import { type Box, boxesOf, intersectBoxes, subtractBoxes, uniteBoxes } from '../ip/box.ts';
import { groupsOf, type Plane, regionOf } from '../ruleset/clause.ts';
import type { Program, Ruleset } from '../ruleset/ruleset.ts';

/** Packets by their verdict; the lists of one coverage are disjoint and together are the region that was asked for. */
export interface Coverage {
  readonly allowed: readonly Box[];
  readonly denied: readonly Box[];
  readonly audited: readonly Box[];
}

/** The verdicts of one program for a whole region of packets at once; for every packet the same as evaluate's. */
export function coverage(
  ruleset: Pick<Ruleset, 'groups' | 'hostAddresses'>,
  program: Program,
  region: readonly Box[],
  now: number,
): Coverage {
  const disjoint = uniteBoxes(region);
  const host = boxesOf(ruleset.hostAddresses, 'any');
  const parts = [
    onPlane(ruleset, program, 'host', intersectBoxes(disjoint, host), now),
    onPlane(ruleset, program, 'forward', subtractBoxes(disjoint, host), now),
  ];
  return {
    allowed: parts.flatMap(({ allowed }) => allowed),
    denied: parts.flatMap(({ denied }) => denied),
    audited: parts.flatMap(({ audited }) => audited),
  };
}

function onPlane(
  ruleset: { readonly groups: Ruleset['groups'] },
  program: Program,
  plane: Plane,
  region: readonly Box[],
  now: number,
): Coverage {
  const { mode } = program;
  const groups = groupsOf(ruleset);
  const of = (list: Program['allow']) => regionOf(list, plane, groups, now);
  const guarded = intersectAll(region, of(program.guard));
  const denied = subtractBoxes(guarded, of(program.except));
  const open = subtractBoxes(region, denied);
  if (mode === 'off') return { allowed: open, denied, audited: [] };
  const allowed = intersectAll(subtractBoxes(open, of(program.deny)), of(program.allow));
  const rest = subtractBoxes(open, allowed);
  return mode === 'audit' ? { allowed, denied, audited: rest } : { allowed, denied: [...denied, ...rest], audited: [] };
}

/** The part of disjoint boxes that is in a union that may overlap itself, as disjoint boxes. */
function intersectAll(region: readonly Box[], union: readonly Box[]): readonly Box[] {
  return subtractBoxes(region, subtractBoxes(region, union));
}
