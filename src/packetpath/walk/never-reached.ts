import { calledByAll } from '../call.ts';
import type { Chain, Listing } from '../model.ts';
import { isDockerChain } from '../purpose/layout.ts';
import type { Outcome, RuleAt, Walked } from './result.ts';

/** A chain of somebody's that would have stopped a packet, had it come so far. */
export interface NeverReached {
  /** The rule that leads into it. */
  readonly call: RuleAt;
  readonly chain: string;
  /** The rule that let the packet pass before. */
  readonly by: RuleAt;
  /** The rule in it that would have stopped the packet; null where the listing does not show the chain. */
  readonly would: RuleAt | null;
}

/**
 * Whether a filter of somebody's stands behind the accept that let a packet through: a call of a chain that is not
 * Docker's. Of a chain that is shown it is asked whether it would have stopped this very packet, by walking once more with
 * its call before everything else; one that is not shown counts only when its name says what it is for.
 *
 * @param again walks the same packet through another listing
 */
export function neverReached(
  listing: Listing,
  { outcomes }: Walked,
  again: (listing: Listing) => Walked,
): NeverReached | null {
  for (const outcome of outcomes) {
    if (outcome.verdict !== 'accepted' || outcome.by.kind !== 'rule') continue;
    if (outcome.assumptions.some(({ holds }) => holds)) continue; // what cannot be judged let it pass, perhaps
    const found = behind(listing, outcome, outcome.by.at, again);
    if (found !== null) return found;
  }
  return null;
}

function behind(
  listing: Listing,
  outcome: Outcome,
  by: RuleAt,
  again: (listing: Listing) => Walked,
): NeverReached | null {
  const base = baseOf(outcome, by);
  if (base === null) return null;
  const { chain, from } = base;
  for (const rule of chain.rules.slice(from + 1)) {
    const called = calledByAll(rule);
    if (called === null || isDockerChain(called)) continue;
    const call = { table: by.table, chain, rule };
    if (!by.table.chains.some(({ name }) => name === called)) {
      if (isFilterByName(called)) return { call, chain: called, by, would: null };
      continue;
    }
    const first: Chain = { ...chain, rules: [rule, ...chain.rules.filter((other) => other !== rule)] };
    const walked = again(withChain(listing, by, chain, first));
    const stopped = walked.outcomes.find(({ verdict, by: decider }) => isStop(verdict) && decider.kind === 'rule');
    if (stopped?.by.kind !== 'rule' || walked.outcomes.some(({ verdict }) => verdict === 'accepted')) continue;
    if (stopped.by.at.chain === first || stopped.by.at.chain.base !== null) continue;
    return { call, chain: called, by, would: stopped.by.at };
  }
  return null;
}

/** The article's name for it, and those like it. */
function isFilterByName(chain: string): boolean {
  return /OUTBOUND|EGRESS|FILTER|^DOCKER-USER$/i.test(chain);
}

function isStop(verdict: Outcome['verdict']): boolean {
  return verdict === 'dropped' || verdict === 'rejected';
}

/** The base chain in which the deciding rule was reached, and the place of the rule there that led to it. */
function baseOf({ events }: Outcome, by: RuleAt): { readonly chain: Chain; readonly from: number } | null {
  const at = events.findIndex((event) => event.kind === 'rule' && event.at.rule === by.rule);
  for (let index = at; index >= 0; index--) {
    const event = events[index];
    if (event?.kind !== 'rule' || event.at.table !== by.table || event.at.chain.base === null) continue;
    return { chain: event.at.chain, from: event.at.chain.rules.indexOf(event.at.rule) };
  }
  return null;
}

function withChain(listing: Listing, { table }: RuleAt, chain: Chain, instead: Chain): Listing {
  const tables = listing.tables.map((other) =>
    other === table ? { ...table, chains: table.chains.map((one) => (one === chain ? instead : one)) } : other,
  );
  return { ...listing, tables };
}
