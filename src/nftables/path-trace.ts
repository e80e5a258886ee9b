import type { TableFamily } from '../packetpath/model.ts';

/** What the kernel's trace says of one packet at one rule or chain, of any table. */
export interface PathEvent {
  readonly family: TableFamily;
  readonly table: string;
  readonly chain: string;
  /** The rule as nft prints it; null at the end of a chain, and where the monitor began before the rule was there. */
  readonly rule: string | null;
  /** accept, drop, jump CHAIN, goto CHAIN, return, continue; of a chain's end its policy. */
  readonly verdict: string;
}

/** Reads one line of `nft monitor trace`, whatever table it is of; undefined for lines about packets and conversations. */
export function parsePathLine(line: string): PathEvent | undefined {
  const match =
    /^trace id [0-9a-f]+ (ip6?|inet|bridge|netdev) (\S+) (\S+) (?:(?:rule (.*)|unknown rule handle \d+) \(verdict ([^)]*)\)|(?:policy|verdict) (\w+))/.exec(
      line.trim(),
    );
  if (match === null) return undefined;
  const [, family, table = '', chain = '', rule, ofRule, ofChain] = match;
  return { family: family as TableFamily, table, chain, rule: rule ?? null, verdict: ofRule ?? ofChain ?? '' };
}

/** Hooks at whose beginning and end a traced packet is looked for, and what stands between: anybody's rules. */
export const watched = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const;
export type Watched = (typeof watched)[number];

/** Where a probe was seen, first to last, and what nf_tables says of it. */
export interface PathTrace {
  readonly began: readonly Watched[];
  readonly passed: readonly Watched[];
  readonly events: readonly PathEvent[];
}

/** A place at forward and input to look for a packet, by a name of its own. */
export interface Lookout {
  readonly name: string;
  readonly priority: number;
  /** Bits of the packet mark, any of which it must have there; left out: any packet. */
  readonly mark?: number;
}

/** Beside where it was seen: at which lookouts. */
export interface WatchedTrace extends PathTrace {
  readonly met: readonly string[];
}

/** Chains of ours that see a packet before and after everybody else's at a hook, and those of lookouts. */
export const beginning = 'begins-';
export const ending = 'ends-';
export const meeting = 'meets-';

/** Sorts the events of one packet: those of our own chains in the table `ours` say where it was seen, the rest are told. */
export function pathTraceOf(events: readonly PathEvent[], ours: string): PathTrace {
  const at = (prefix: string): readonly Watched[] =>
    watched.filter((hook) => events.some(({ table, chain }) => table === ours && chain === `${prefix}${hook}`));
  return { began: at(beginning), passed: at(ending), events: events.filter(({ table }) => table !== ours) };
}

/** The same with the lookouts it met, each once, in the order in which it came to them. */
export function watchedTraceOf(events: readonly PathEvent[], ours: string): WatchedTrace {
  const met = events.flatMap(({ table, verdict }) =>
    table === ours && verdict.startsWith(`jump ${meeting}`) ? [verdict.slice(`jump ${meeting}`.length)] : [],
  );
  return { ...pathTraceOf(events, ours), met: [...new Set(met)] };
}

/**
 * What became of a traced packet: it passed when it came through its last hook, postrouting or input. `stopped`: at
 * the last hook that it came to, or between hooks. `not-seen` proves nothing.
 */
export function pathVerdict({ began, passed }: PathTrace): 'passed' | 'stopped' | 'not-seen' {
  if (passed.includes('postrouting') || passed.includes('input')) return 'passed';
  return began.length === 0 ? 'not-seen' : 'stopped';
}
