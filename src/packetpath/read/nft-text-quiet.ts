import type { Token } from './nft-token.ts';

/** With what the lines of objects begin that decide nothing themselves (nft(8), "Stateful objects"; nftables, src/rule.c). */
const quiet: Readonly<Record<string, readonly string[]>> = {
  counter: ['packets', 'comment'],
  quota: ['over', 'until', 'used', 'comment'],
  limit: ['rate', 'comment'],
  flowtable: ['hook', 'devices', 'flags', 'counter', 'comment'],
  ct: ['type', 'l3proto', 'protocol', 'policy', 'dport', 'timeout', 'size', 'comment'],
  secmark: ['comment'],
  synproxy: ['mss', 'wscale', 'timestamp', 'sack-perm', 'comment'],
  tunnel: ['id', 'ip', 'ip6', 'sport', 'dport', 'ttl', 'tos', 'erspan', 'vxlan', 'geneve', 'comment'],
};

/** What only a rule has: where it stands in something that decides nothing, that has not been understood. */
const verdict = /\b(accept|drop|reject|return|continue|queue|jump|goto)\b/;

/** Whether objects of a kind decide nothing themselves. */
export const isQuietKind = (kind: string): boolean => Object.hasOwn(quiet, kind);

/** Whether a line is one of an object of a kind that decides nothing. A security context is a text alone. */
export function isQuiet(tokens: readonly Token[], kind: string): boolean {
  const [first] = tokens;
  const isContext = kind === 'secmark' && first?.quoted === true && tokens.length === 1;
  const isKnown = isContext || (first?.quoted === false && quiet[kind]?.includes(first.text) === true);
  return isKnown && !tokens.some(({ text, quoted }) => !quoted && verdict.test(text));
}
