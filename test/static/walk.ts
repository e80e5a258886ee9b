import type { Packet } from '../../src/evaluate/verdict.ts';
import type { Address } from '../../src/ip/address.ts';
import { setIncludes, setOfPrefixes } from '../../src/ip/address-set.ts';
import { l4Matches, type Plane } from '../../src/ruleset/clause.ts';
import type { StaticPlan, StaticRule, StaticSender } from '../../src/static/plan.ts';

/** What static rules make of a packet: the sender it is taken for, and the rule that decides; neither where no rules are. */
export interface Walked {
  readonly sender: StaticSender | undefined;
  readonly rule: StaticRule | undefined;
}

/** Walks a plan as the chains that are written from it are walked: by source address, first match. */
export function walk(
  plan: StaticPlan,
  source: Address,
  packet: Omit<Packet, 'from'>,
  plane: Plane,
  now: number,
): Walked {
  const sender = plan.senders.find(
    ({ family, sources }) => family === source.family && setIncludes(setOfPrefixes(sources), source),
  );
  const rule = sender?.rules[plane].find(
    ({ to, l4, until }) =>
      (to === null || setIncludes(setOfPrefixes(to), packet.to)) &&
      l4Matches(l4, { address: packet.to, protocol: packet.protocol, port: packet.port }) &&
      (until === undefined || now <= until),
  );
  return { sender, rule };
}
