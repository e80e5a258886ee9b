import { addressOf, formatAddress, maxValue } from '../../ip/address.ts';
import type { Interface, Span } from '../../packetpath/walk/packet.ts';
import type { RuleAt } from '../../packetpath/walk/result.ts';

/** `192.168.5.5`, `10.0.0.0-10.255.255.255`, `any address`. */
export function spanText({ low, high }: Span, family: 4 | 6): string {
  const one = (value: bigint) => formatAddress(addressOf(family, value));
  if (low === high) return one(low);
  return low === 0n && high === maxValue(family) ? 'any address' : `${one(low)}-${one(high)}`;
}

/** The name of an interface; empty where there is none, as on the way in of a packet of the host's own. */
export function interfaceText(of: Interface | null): string {
  if (of === null) return '';
  return of.kind === 'name' ? of.name : 'another interface';
}

/** `filter FORWARD`, with the family where it is neither IPv4's nor IPv6's own. */
export function chainText({ table, chain }: Pick<RuleAt, 'table' | 'chain'>): string {
  const family = table.family === 'ip' || table.family === 'ip6' ? '' : `${table.family} `;
  return `${table.engine === 'legacy' ? 'legacy ' : ''}${family}${table.name} ${chain.name}`;
}

/** `filter FORWARD rule 5 (line 7)`. */
export function ruleName(at: RuleAt): string {
  const { number, line, handle } = at.rule.place;
  const where = line !== undefined ? ` (line ${line})` : handle !== undefined ? ` (handle ${handle})` : '';
  return `${chainText(at)} rule ${number}${where}`;
}

/** A rule without the chain it is added to, which stands beside it. */
export function ruleText({ chain, rule }: RuleAt): string {
  const own = `-A ${chain.name} `;
  return rule.text.startsWith(own) ? rule.text.slice(own.length) : rule.text;
}
