import { createHash } from 'node:crypto';
import { families } from '../ip/address.ts';
import { canonicalElement, canonicalRule, type Standing } from './compare.ts';
import type { EbTable, IpSet, XState, XTable } from './model.ts';
import { chainPrefix } from './names.ts';
import { printElement, printRule } from './print.ts';
import { printEbRule } from './print-bridge.ts';
import type { Saved } from './save.ts';

/** What stands, or is to: by the name of each set, of each chain of ours, and of each hook, of which the first rule counts. */
export type Digests = ReadonlyMap<string, string>;

/** The name of a chain among all tables; of a set it is its own, without a generation. @param of `4`, `6` or `bridge` */
export const chainKey = (of: string, table: string, chain: string): string => `${of} ${table} ${chain}`;
const hookKey = (of: string, table: string, hook: string): string => `${of} ${table} first of ${hook}`;

/** Of what the save commands have printed; made with pauses. */
export function* digestsOfStanding({ inet, bridge, sets }: Standing): Generator<void, Digests> {
  const digests = new Map<string, string>();
  const all: readonly (readonly [string, Saved])[] = [
    ...families.map((family) => [String(family), inet[family]] as const),
    ['bridge', bridge],
  ];
  for (const [of, saved] of all)
    for (const [table, { rules }] of saved)
      for (const [chain, list] of rules) {
        if (chain.startsWith(chainPrefix)) digests.set(chainKey(of, table, chain), ofRules(list));
        else digests.set(hookKey(of, table, chain), list[0] ?? '');
        yield;
      }
  for (const [name, elements] of sets) {
    digests.set(name, ofElements(elements));
    yield;
  }
  return digests;
}

/** Of what is to stand; what means the same all the time is one object, and worked out once. */
export function* digestsOfState({ tables, bridge, sets }: XState): Generator<void, Digests> {
  const digests = new Map<string, string>();
  const same = (name: string) => name;
  for (const family of families)
    yield* ofTables(digests, String(family), tables[family], ({ name, rules }) =>
      rules.map((rule) => printRule(name, rule, family, same)),
    );
  yield* ofTables(digests, 'bridge', bridge, ({ name, rules }) => rules.map((rule) => printEbRule(name, rule)));
  for (const set of sets) {
    digests.set(set.name, known(set, ofSet));
    yield;
  }
  return digests;
}

type Chained = XTable | EbTable;

function* ofTables<Table extends Chained>(
  digests: Map<string, string>,
  of: string,
  tables: readonly Table[],
  linesOf: (chain: Table['chains'][number]) => readonly string[],
): Generator<void, void> {
  for (const { name, jumps, chains } of tables) {
    for (const { hook, chain } of jumps) digests.set(hookKey(of, name, hook), `-j ${chain}`);
    for (const chain of chains) {
      const digest = () => ofRules(linesOf(chain).map((line) => line.replace(/^-A \S+ ?/, '')));
      digests.set(chainKey(of, name, chain.name), known(chain, digest));
      yield;
    }
  }
}

const worked = new WeakMap<object, string>();

function known<Part extends object>(part: Part, digest: (part: Part) => string): string {
  let found = worked.get(part);
  if (found === undefined) {
    found = digest(part);
    worked.set(part, found);
  }
  return found;
}

/** Where all of them drop, their order means nothing: they come and go one by one. */
function ofRules(rules: readonly string[]): string {
  const canonical = rules.map(canonicalRule);
  const isUnordered = canonical.every((rule) => rule.includes('-j DROP'));
  return digestOf(isUnordered ? canonical.toSorted() : canonical);
}

function ofSet(set: IpSet): string {
  return ofElements(new Set(set.elements.map((one) => canonicalElement(printElement(set, one, (name) => name)))));
}

const ofElements = (elements: ReadonlySet<string>): string => digestOf([...elements].toSorted());

const digestOf = (lines: readonly string[]): string => createHash('sha1').update(lines.join('\n')).digest('base64');
