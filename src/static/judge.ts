import type { Family } from '../ip/address.ts';
import {
  type AddressSet,
  everyAddress,
  intervalPrefixes,
  isEmptySet,
  noAddresses,
  ofFamily,
  subtractSets,
  unionSets,
} from '../ip/address-set.ts';
import { intersectBoxes } from '../ip/box.ts';
import type { Prefix } from '../ip/prefix.ts';
import type { SourceRef } from '../policy/source.ts';
import type { Plane } from '../ruleset/clause.ts';
import type { Clause, Program } from '../ruleset/ruleset.ts';
import type { StaticRule } from './plan.ts';
import { boxesOfResolved, keyOf, meet, type Resolved } from './resolved.ts';

/** Addresses of a clause as static rules can say them: fewer than meant in a permission, more in a prohibition. */
export type Saying = (clause: Clause, role: 'permit' | 'forbid') => AddressSet;

/** How one sort of sender is judged on one plane, as lists of one family. */
interface Lists {
  readonly guard: readonly Resolved[];
  readonly except: readonly Resolved[];
  readonly deny: readonly Resolved[];
  readonly allow: readonly Resolved[];
}

/**
 * Rules by which a source is judged that may be any of several senders: allowed is what all of them may do. Of one sender
 * they give what the evaluator gives (test/static holds them to it). First match decides: denials, then what exceptions
 * let through guardrails, then guardrails, then permissions, then no.
 *
 * A large permission such as `internet` is written as the article writes it: what is not in it is denied, and the rest
 * allowed.
 */
export function rulesOf(
  programs: readonly Program[],
  plane: Plane,
  family: Family,
  saying: Saying,
): readonly StaticRule[] {
  // where one that is audited meets one that is enforced, the words are the latter's
  const inOrder = programs.toSorted((a, b) => Number(a.mode !== 'enforce') - Number(b.mode !== 'enforce'));
  const [first, ...more] = inOrder.map((program) => listsOf(program, plane, family, saying));
  if (first === undefined) return [everything('deny', 'nobody is known to have these addresses', null)];
  const lists = more.reduce((one, other) => joined(one, other, family), first);
  const otherwise = inOrder[0]?.otherwise ?? null;
  const excepted = meet(lists.except, lists.allow, family);
  const open = [...excepted, ...lists.allow].flatMap(boxesOfResolved);
  const matters = (list: readonly Resolved[]) =>
    list.filter((one) => intersectBoxes(boxesOfResolved(one), open).length > 0);
  const guard = matters(lists.guard);
  const rules = [
    ...matters(lists.deny).map((one) => ruleOf('deny', one, family, 'denied: ')),
    ...(guard.length === 0 ? [] : excepted.map((one) => ruleOf('allow', one, family, 'exception: '))),
    ...guard.map((one) => ruleOf('deny', one, family, 'guardrail: ')),
    ...allowing(lists.allow, plane, family),
  ];
  const last = rules.at(-1);
  const ends = last?.to === null && last.l4 === 'any' && last.until === undefined;
  return ends ? rules : [...rules, everything('deny', 'nothing above allows it', otherwise)];
}

function everything(verdict: StaticRule['verdict'], comment: string, source: SourceRef | null): StaticRule {
  return { verdict, to: null, l4: 'any', comment, source };
}

function listsOf(program: Program, plane: Plane, family: Family, saying: Saying): Lists {
  const resolve = (list: readonly Clause[], role: 'permit' | 'forbid') =>
    list
      .filter((clause) => clause.plane === plane)
      .map(
        ({ until, ...clause }): Resolved => ({
          set: only(saying(clause, role), family),
          l4: clause.l4,
          ...(until === undefined ? {} : { until }),
          entry: clause.entry,
          source: clause.source,
          crowd: clause.to.kind === 'group',
        }),
      )
      .filter(({ set, l4 }) => !isEmptySet(set) && (l4 === 'any' || l4.length > 0));
  const isEnforced = program.mode === 'enforce';
  const whatever: Resolved = {
    set: only(everyAddress, family),
    l4: 'any',
    entry: program.mode === 'audit' ? 'mode audit: passes' : 'mode off: passes',
    source: program.otherwise,
    crowd: false,
  };
  return {
    guard: resolve(program.guard, 'forbid'),
    except: resolve(program.except, 'permit'),
    deny: isEnforced ? resolve(program.deny, 'forbid') : [],
    allow: isEnforced ? resolve(program.allow, 'permit') : [whatever],
  };
}

/** Every prohibition of both, and what both permit. */
function joined(a: Lists, b: Lists, family: Family): Lists {
  const both = (list: (lists: Lists) => readonly Resolved[]) => [
    ...new Map([...list(a), ...list(b)].map((one) => [keyOf(one), one])).values(),
  ];
  return {
    guard: both(({ guard }) => guard),
    deny: both(({ deny }) => deny),
    except: meet(a.except, b.except, family),
    allow: meet(a.allow, b.allow, family),
  };
}

function allowing(list: readonly Resolved[], plane: Plane, family: Family): readonly StaticRule[] {
  const broad = list.filter(({ set }) => isBroad(set, family));
  const narrow = list.filter((one) => !broad.includes(one));
  const rules = [...narrow.filter(({ crowd }) => crowd), ...narrow.filter(({ crowd }) => !crowd)].map((one) =>
    ruleOf('allow', one, family),
  );
  if (broad.length === 0) return rules;
  const whole = unionSets(...broad.map(({ set }) => set));
  const outside = prefixesOf(subtractSets(only(everyAddress, family), whole), family);
  const entries = [...new Set(broad.map(({ entry }) => entry))].join(', ');
  const source = broad[0]?.source ?? null;
  return [
    ...rules,
    ...(outside.length === 0
      ? []
      : [
          {
            verdict: 'deny',
            to: outside,
            l4: 'any',
            comment: plane === 'host' ? 'broadcast, multicast and the like' : `not in ${entries}`,
            source,
          } as const,
        ]),
    ...broad.map((one): StaticRule => {
      const rule = ruleOf('allow', one, family);
      return isEmptySet(subtractSets(whole, one.set)) ? { ...rule, to: null } : rule;
    }),
  ];
}

/** Whether it takes fewer prefixes to say what is not in it. */
function isBroad(set: AddressSet, family: Family): boolean {
  const outside = subtractSets(only(everyAddress, family), set);
  return prefixesOf(outside, family).length < prefixesOf(set, family).length;
}

function ruleOf(verdict: StaticRule['verdict'], one: Resolved, family: Family, prefix = ''): StaticRule {
  const { set, l4, until, entry, source } = one;
  const to = prefixesOf(set, family);
  return {
    verdict,
    to: to.length === 1 && to[0]?.length === 0 ? null : to,
    l4,
    ...(until === undefined ? {} : { until }),
    comment: `${prefix}${entry}`,
    source,
  };
}

function prefixesOf(set: AddressSet, family: Family): readonly Prefix[] {
  return ofFamily(set, family).flatMap((interval) => intervalPrefixes(family, interval));
}

function only(set: AddressSet, family: Family): AddressSet {
  return family === 4 ? { ...noAddresses, v4: set.v4 } : { ...noAddresses, v6: set.v6 };
}
