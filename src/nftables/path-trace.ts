import type { TableFamily } from '../packetpath/model.ts';

/** What the kernel's trace says of one packet at one rule or chain, of any table. */
export interface PathEvent {
  readonly family: TableFamily;
  readonly table: string;
  readonly chain: string;
  /** The rule as nft prints it; null at the end of a chain, and where the monitor began before the rule was there. */
  readonly rule: string | null;
  /** nf_tables' own number of the rule; null at the end of a chain. */
  readonly handle: number | null;
  /** Where the rule stands in its chain, from 1; null at the end of a chain, and where it was not looked for or is not known. */
  readonly place: number | null;
  /** accept, drop, jump CHAIN, goto CHAIN, return, continue; of a chain's end its policy. */
  readonly verdict: string;
}

/** Reads one line of `nft -a monitor trace`, whatever table it is of; undefined for lines about packets and conversations. */
export function parsePathLine(line: string): PathEvent | undefined {
  const match =
    /^trace id [0-9a-f]+ (ip6?|inet|bridge|netdev) (\S+) (\S+) (?:(?:rule (.*)|unknown rule (handle \d+)) \(verdict ([^)]*)\)|(?:policy|verdict) (\w+))/.exec(
      line.trim(),
    );
  if (match === null) return undefined;
  const [, family, table = '', chain = '', known, unknown, ofRule, ofChain] = match;
  const [, rule = null, handle] = /^(?:(.*) # )?handle (\d+)$/.exec(known ?? unknown ?? '') ?? [null, known];
  return {
    family: family as TableFamily,
    table,
    chain,
    rule,
    handle: handle === undefined ? null : Number(handle),
    place: null,
    verdict: ofRule ?? ofChain ?? '',
  };
}

/** Hooks at whose beginning and end a traced packet is looked for, and what stands between: anybody's rules. */
export const watched = ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const;
export type Watched = (typeof watched)[number];

/** Where a probe was seen, first to last, and what nf_tables says of it; each hook once, in the order in which it came to them. */
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
  const at = (prefix: string): readonly Watched[] => {
    const met = events.flatMap(({ table, chain }) =>
      watched.filter((hook) => table === ours && chain === `${prefix}${hook}`),
    );
    return [...new Set(met)];
  };
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
 * What became of a traced packet: it passed when it came through its last hook, postrouting or input; what the host sends
 * itself comes to both. `stopped`: at the last hook that it came to, or between hooks. `not-seen` proves nothing.
 */
export function pathVerdict({ began, passed }: PathTrace): 'passed' | 'stopped' | 'not-seen' {
  const last = began.at(-1);
  if (last === undefined) return 'not-seen';
  return (last === 'postrouting' || last === 'input') && passed.includes(last) ? 'passed' : 'stopped';
}
