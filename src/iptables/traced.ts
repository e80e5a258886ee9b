import type { MarkedTrace, MarkLookout, PathEvent } from '../nftables/path-trace.ts';
import { pathVerdict } from '../nftables/path-trace.ts';
import type { TracedVerdict } from '../nftables/trace-events.ts';
import { must, type RunCommand } from './command.ts';
import { families } from './families.ts';
import { bits } from './marks.ts';
import { chainPrefix } from './names.ts';
import { parseSave } from './save.ts';
import type { Tools, Variant } from './tools.ts';

/**
 * What our rules in iptables make of a traced packet. nf_tables tells of the nft variant's rules in its own trace. Of legacy
 * tables it tells nothing, and their own (xt_TRACE) goes to the kernel's log, which no namespace but the first can read: there
 * the mark says it, which `mangle` leaves and `security` takes away.
 */

/** Right behind `mangle` (-150), in front of `filter`, which drops what it tells the sender of. */
export const judgedMarks: MarkLookout = { priority: -149, marks: { denied: bits.denied, passed: bits.passed } };

/**
 * `let-pass`: by permission or because audit only counts, which legacy tables do not tell. `stopped`: by whom, they do not
 * tell either.
 */
export type XtVerdict = TracedVerdict | 'let-pass' | 'stopped';

/** @param audited chains in which audit counts, of {@link auditedChains} */
export function xtVerdict(trace: MarkedTrace, variant: Variant, audited: ReadonlySet<string>): XtVerdict {
  if (trace.began.length === 0) return 'not-seen';
  const { marked } = trace;
  const events = trace.events.filter(isOurs);
  if (pathVerdict(trace) === 'passed') {
    if (variant === 'legacy') return 'let-pass';
    return events.some(({ table, chain }) => table === 'mangle' && audited.has(chain)) ? 'audited' : 'accepted';
  }
  if (marked.includes('denied') || events.some(({ verdict }) => verdict === 'drop')) return 'denied';
  return variant === 'legacy' && !marked.includes('passed') ? 'stopped' : 'not-judged';
}

const isOurs = ({ family, chain }: PathEvent): boolean =>
  (family === 'ip' || family === 'ip6') && chain.startsWith(chainPrefix);

/** Chains of the kernel's in which audit counts what it lets pass: their names are digests, their counters are not. */
export async function auditedChains(run: RunCommand, tools: Pick<Tools, 'save'>): Promise<ReadonlySet<string>> {
  const saved = await Promise.all(
    families.map(async (family) => parseSave(await must(run, tools.save[family], ['-t', 'mangle']))),
  );
  const rules = saved.flatMap((tables) => [...(tables.get('mangle')?.rules ?? [])]);
  return new Set(rules.flatMap(([chain, list]) => (list.some((rule) => isAudit(rule)) ? [chain] : [])));
}

const isAudit = (rule: string): boolean => /--comment "?audited\//.test(rule);
