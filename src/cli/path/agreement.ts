import { type PathEvent, type PathTrace, pathVerdict } from '../../nftables/path-trace.ts';
import type { Decider, Outcome, Walked } from '../../packetpath/walk/result.ts';

/**
 * Whether what the kernel did with a packet is one of the ways of a walk, and how far that was compared: what became of it, the
 * last hook it came to, and of nf_tables the rule. Legacy tables leave no trace but the hook.
 */
export type Agreement =
  | { readonly agrees: true; readonly compared: Alike }
  | { readonly agrees: false; readonly differs: Differs }
  /** The packet was not seen, or it is none of the ways that the walk knows and there are others. */
  | { readonly agrees: null };

/** Up to where they are alike; `chain`: which of its rules it was could not be told. */
type Alike = 'hook' | 'chain' | 'rule' | 'policy';
/** Where the way that is most alike differs; `rule`: another one, or one of the other engine. */
type Differs = 'fate' | 'hook' | 'rule';

type Compared = Exclude<Agreement, { readonly agrees: null }>;

/** What became of a traced packet; a drop behind the last hook of inet (bridge family, output) counts. */
export function fateOf(trace: PathTrace): ReturnType<typeof pathVerdict> {
  const fate = pathVerdict(trace);
  return fate === 'passed' && trace.events.some(({ verdict }) => verdict === 'drop') ? 'stopped' : fate;
}

/** Compares with the way of a walk that is most alike. */
export function agreement(trace: PathTrace, { outcomes }: Walked): Agreement {
  if (fateOf(trace) === 'not-seen') return { agrees: null };
  const known = outcomes.filter(({ verdict }) => verdict !== 'unknown');
  const [best] = known.map((outcome) => compare(trace, outcome)).toSorted((a, b) => nearness(b) - nearness(a));
  const isSure = best?.agrees === true || known.length === outcomes.length;
  return best !== undefined && isSure ? best : { agrees: null };
}

const steps: readonly (Alike | Differs)[] = ['fate', 'hook', 'chain', 'rule', 'policy'];

/** How much of a way is alike. */
function nearness(found: Compared): number {
  return found.agrees ? steps.length + steps.indexOf(found.compared) : steps.indexOf(found.differs);
}

function compare(trace: PathTrace, outcome: Outcome): Compared {
  const passed = fateOf(trace) === 'passed';
  if ((outcome.verdict === 'accepted') !== passed) return differs('fate');
  const { hook, isBehind } = endOf(outcome);
  const seen = trace.began.at(-1);
  if (seen === undefined || hook !== seen || isBehind !== trace.passed.includes(seen)) return differs('hook');
  return passed ? comparePassed(trace, outcome.by) : compareStopped(trace, outcome.by);
}

/** The last hook of inet that a walk comes to, and whether it comes out of it. */
function endOf({ verdict, by, events }: Outcome) {
  const hooks = events.filter((event) => event.kind === 'hook');
  const isBehind = verdict === 'accepted' || by.kind === 'host' || hooks.at(-1)?.layer !== 'ip';
  return { hook: hooks.findLast(({ layer }) => layer === 'ip')?.hook, isBehind };
}

/** A drop ends it: nf_tables' own are all traced, so that where it tells of none, it was not by one. */
function compareStopped({ events }: PathTrace, by: Decider): Compared {
  const drop = events.findLast(({ verdict }) => verdict === 'drop');
  const engine = engineOf(by);
  if (drop === undefined) return engine === 'nf_tables' ? differs('rule') : alike('hook');
  return engine === 'legacy' || engine === null ? differs('rule') : compareRule(by, drop);
}

/** Among all that let it pass, the one that the walk names must be. */
function comparePassed({ events }: PathTrace, by: Decider): Compared {
  if (engineOf(by) !== 'nf_tables') return alike('hook');
  const accepts = events.filter(({ verdict }) => verdict === 'accept');
  const same = accepts.map((event) => compareRule(by, event)).find(({ agrees }) => agrees);
  return same ?? (isUntraced(by, accepts) ? alike('hook') : differs('rule'));
}

/** iptables-save shows chains that nf_tables does not have before they have rules, and a bridge's own may come before the trace. */
function isUntraced(by: Decider, accepts: readonly PathEvent[]): boolean {
  const at = by.kind === 'rule' ? by.at : by;
  if (!('chain' in at) || accepts.some((event) => isIn(at, event))) return false;
  return by.kind === 'policy' || at.table.family === 'bridge';
}

function compareRule(by: Decider, event: PathEvent): Compared {
  const { handle, place } = event;
  if (by.kind === 'policy') return isIn(by, event) && handle === null ? alike('policy') : differs('rule');
  if (by.kind !== 'rule' || !isIn(by.at, event) || (event.rule === null && handle === null)) return differs('rule');
  const own = by.at.rule.place;
  if (own.handle !== undefined && handle !== null) return own.handle === handle ? alike('rule') : differs('rule');
  if (place === null) return alike('chain');
  return own.number === place ? alike('rule') : differs('rule');
}

function isIn(at: Pick<Extract<Decider, { kind: 'policy' }>, 'table' | 'chain'>, event: PathEvent): boolean {
  return at.table.family === event.family && at.table.name === event.table && at.chain.name === event.chain;
}

function tableOf(by: Decider) {
  return by.kind === 'rule' ? by.at.table : by.kind === 'policy' ? by.table : null;
}

const engineOf = (by: Decider) => tableOf(by)?.engine ?? null;

const alike = (compared: Alike): Compared => ({ agrees: true, compared });
const differs = (at: Differs): Compared => ({ agrees: false, differs: at });
