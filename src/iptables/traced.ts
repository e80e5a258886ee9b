import { families } from '../ip/address.ts';
import { type Lookout, type PathEvent, pathVerdict, type WatchedTrace } from '../nftables/path-trace.ts';
import type { TracedVerdict } from '../nftables/trace-events.ts';
import { must, type RunCommand } from './command.ts';
import { bits } from './marks.ts';
import { chainPrefix } from './names.ts';
import { parseSave, type Saved } from './save.ts';
import type { Tools, Variant } from './tools.ts';

/**
 * What our rules in iptables make of a traced packet. nf_tables tells of the nft variant's rules in its own trace. Of legacy
 * tables it tells nothing, and their own (xt_TRACE) goes to the kernel's log, which only the first network namespace writes:
 * there the mark says it, which `mangle` leaves, or that the packet is gone behind `mangle`.
 */

/** Around `mangle` (-150), and in front of `filter`, which drops what it tells the sender of. */
export const lookouts: readonly Lookout[] = [
  { name: 'before', priority: -151 },
  { name: 'behind', priority: -149 },
  { name: 'denied', priority: -149, mark: bits.denied },
  { name: 'passed', priority: -149, mark: bits.passed },
];

/**
 * `let-pass`: by permission or because audit only counts, which legacy tables do not tell. `stopped`: by whom, they do not
 * tell either.
 */
export type XtVerdict = TracedVerdict | 'let-pass' | 'stopped';

/** What stands beside the packet's way. */
export interface Standing {
  readonly variant: Variant;
  /** Chains in which audit counts what it lets pass. */
  readonly audited: ReadonlySet<string>;
  /** Whether nobody but us has rules at FORWARD and INPUT of mangle, so that what is gone behind it was denied by us. */
  readonly alone: boolean;
}

/**
 * What became of a traced packet by our rules, from what nf_tables tells of it and the lookouts it met. A drop is ours when a
 * chain of ours dropped it; with legacy tables, which trace nothing, when it met the mark of the denied, or is gone behind
 * `mangle` and nobody else has rules there.
 */
export function xtVerdict(trace: WatchedTrace, { variant, audited, alone }: Standing): XtVerdict {
  const { met } = trace;
  if (trace.began.length === 0) return 'not-seen';
  if (pathVerdict(trace) === 'passed') {
    if (variant === 'legacy') return 'let-pass';
    const isAudited = ({ table, chain }: PathEvent) => table === 'mangle' && audited.has(chain);
    return trace.events.some((event) => isOurs(event) && isAudited(event)) ? 'audited' : 'accepted';
  }
  if (met.includes('denied')) return 'denied';
  const drops = trace.events.filter(({ verdict }) => verdict === 'drop');
  if (drops.length > 0) return drops.some(isOurs) ? 'denied' : 'not-judged';
  if (variant === 'nft' || met.includes('passed')) return 'not-judged';
  return alone && met.includes('before') && !met.includes('behind') ? 'denied' : 'stopped';
}

/** Whether a trace tells all: else its end may still be on the way. */
export function isTold(trace: WatchedTrace): boolean {
  const isStopped = trace.met.includes('denied') || trace.events.some(({ verdict }) => verdict === 'drop');
  return isStopped || pathVerdict(trace) === 'passed';
}

const isOurs = ({ family, chain }: PathEvent): boolean =>
  (family === 'ip' || family === 'ip6') && chain.startsWith(chainPrefix);

/** Reads what stands. */
export async function standingBeside(run: RunCommand, { variant, save }: Tools): Promise<Standing> {
  const saved = await Promise.all(
    families.map(async (family) => parseSave(await must(run, save[family], ['-t', 'mangle']))),
  );
  return { variant, audited: auditedIn(saved), alone: saved.every(isAloneIn) };
}

/** Chains are named by digests, their counters are not. */
function auditedIn(saved: readonly Saved[]): ReadonlySet<string> {
  const rules = saved.flatMap((tables) => [...(tables.get('mangle')?.rules ?? [])]);
  const isAudit = (rule: string): boolean => /--comment "?audited\//.test(rule);
  return new Set(rules.flatMap(([chain, list]) => (list.some(isAudit) ? [chain] : [])));
}

function isAloneIn(saved: Saved): boolean {
  const rules = saved.get('mangle')?.rules;
  return ['FORWARD', 'INPUT'].every((hook) =>
    (rules?.get(hook) ?? []).every((rule) => rule.startsWith(`-j ${chainPrefix}`)),
  );
}
