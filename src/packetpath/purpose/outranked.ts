import type { Chain, Rule } from '../model.ts';
import type { NetworkRef, Purpose } from './types.ts';

/** A network whose packets do not come as far as a rule: which rule of its chain has let them out before. */
export interface Outranked {
  readonly network: NetworkRef;
  readonly by: number;
}

export interface Judged {
  readonly rule: Rule;
  readonly purpose: Purpose;
}

/**
 * For each rule of a chain what does not come as far any more. Only what is certain: an accept of everything that a network
 * sends elsewhere ends the walk through the table, and only rules of Docker's, which are known to the last condition, may
 * stand before it in a chain that was called (a return of anybody else's could lead round it).
 *
 * @param rulesOf the rules of another chain of the table; undefined where the listing has no such chain
 */
export function outrankedIn(
  rules: readonly Judged[],
  rulesOf: (chain: string) => readonly Judged[] | undefined,
): readonly (readonly Outranked[])[] {
  const out: Outranked[] = [];
  return rules.map((one) => {
    const before = [...out];
    for (const network of letOutBy(one, rulesOf, new Set()))
      if (!out.some((known) => known.network.bridge === network.bridge))
        out.push({ network, by: one.rule.place.number });
    return before;
  });
}

/** Networks of which nothing that they send elsewhere gets past a rule. */
function letOutBy(
  { rule, purpose }: Judged,
  rulesOf: (chain: string) => readonly Judged[] | undefined,
  seen: ReadonlySet<string>,
): readonly NetworkRef[] {
  if (isWayOut(purpose)) return purpose.networks;
  const chain = unconditionalCall(rule);
  if (chain === undefined || seen.has(chain)) return [];
  const found: NetworkRef[] = [];
  for (const inner of rulesOf(chain) ?? []) {
    if (inner.purpose.sureness !== 'exact') break;
    found.push(...letOutBy(inner, rulesOf, new Set([...seen, chain])));
  }
  return found;
}

/** One network, without other conditions: those of a mark or a port concern none or a part. */
function isWayOut({ sureness, outbound, networks, containers }: Purpose): boolean {
  return sureness === 'exact' && outbound === 'lets-out' && networks.length === 1 && containers.length === 0;
}

function unconditionalCall({ steps }: Chain['rules'][number]): string | undefined {
  if (steps.some(({ kind }) => kind === 'condition' || kind === 'vmap')) return undefined;
  const last = steps.at(-1);
  return last?.kind === 'verdict' && last.verdict.kind === 'jump' ? last.verdict.chain : undefined;
}
