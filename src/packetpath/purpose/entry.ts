import { type Pattern, pattern } from './pattern.ts';
import type { Layout, Maker, Outbound } from './types.ts';

/** A rule that somebody is known to make: how it looks, and what it is for. */
export interface Entry {
  readonly maker: Maker;
  readonly layouts: readonly Layout[];
  readonly pattern: Pattern;
  readonly outbound: Outbound;
  /**
   * The sentence, with what the pattern captured: `{b}`, `{c}` networks, `{b.if}` an interface, `{a}`, `{d}` containers or
   * their addresses, `{n}` a block, `{p}`, `{port}`, `{m}`, `{to}` where NAT sends it, `{ifs}` other interfaces.
   */
  readonly sentence: string;
  readonly only: Only | null;
}

/**
 * `known`: only of addresses that other rules of Docker's speak of, where nothing else in the rule says that it is Docker's.
 * `internal`, `open`: only of a network that the table closes, or does not. `mesh`: only where Swarm spreads by IPVS, inside
 * a network namespace of its own.
 */
export type Only = 'known' | 'internal' | 'open' | 'mesh';

export type Line = readonly [pattern: string, outbound: Outbound, sentence: string, only?: Only];

/** Entries of one maker in some layouts, one line each. */
export function entries(maker: Maker, layouts: readonly Layout[], lines: readonly Line[]): readonly Entry[] {
  return lines.map(([text, outbound, sentence, only]) => ({
    maker,
    layouts,
    pattern: pattern(text),
    outbound,
    sentence,
    only: only ?? null,
  }));
}
