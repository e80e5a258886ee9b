import { beforeDefragChain } from './hooks.ts';

/** What the kernel's trace says of one packet at one chain of ours. */
export interface TraceEvent {
  readonly id: string;
  readonly table: string;
  readonly chain: string;
  /** accept, drop, jump CHAIN, goto CHAIN, continue, or policy accept. */
  readonly verdict: string;
}

/** Reads one line of `nft monitor trace` (nft 1.0.6 to 1.1.7); lines that tell of packets or conversations are no events. */
export function parseTraceLine(line: string): TraceEvent | undefined {
  const match =
    /^trace id ([0-9a-f]+) (?:inet|bridge) (\S+) (\S+) (?:(?:unknown )?rule .*\(verdict ([^)]*)\)|(?:policy|verdict) (\w+))/.exec(
      line.trim(),
    );
  if (match === null) return undefined;
  const [, id, table, chain, ofRule, ofChain] = match;
  return { id: id as string, table: table as string, chain: chain as string, verdict: ofRule ?? `policy ${ofChain}` };
}

/**
 * What became of a traced packet in our tables. `not-judged`: it arrived, but no hook where we judge saw it, so someone
 * else stopped it before (Docker's isolation does). `not-seen`: no trace of it at all, which proves nothing.
 */
export type TracedVerdict = 'accepted' | 'denied' | 'audited' | 'not-judged' | 'not-seen';

/** Chains that a packet meets before it is judged. */
const arriving: ReadonlySet<string> = new Set([beforeDefragChain, 'prerouting']);

/**
 * Judges by the events of one probe. The trace's id changes from hook to hook, so each id is one packet at one hook;
 * a single drop of ours anywhere means the packet was denied.
 */
export function verdictOf(events: readonly TraceEvent[]): TracedVerdict {
  if (events.length === 0) return 'not-seen';
  const ours = events.filter((event) => event.table === 'sluice');
  if (ours.some((event) => event.verdict === 'drop')) return 'denied';
  const judged = ours.filter(
    (event) => !arriving.has(event.chain) && (event.verdict === 'accept' || event.verdict === 'policy accept'),
  );
  if (judged.length === 0) return 'not-judged';
  return judged.some((event) => event.chain.startsWith('passed/')) ? 'audited' : 'accepted';
}
