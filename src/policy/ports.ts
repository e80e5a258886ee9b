import { everyPort, hasPorts, type L4, type L4Match, type PortRange, protocolNumbers } from '../ip/protocol.ts';
import { diagnostic } from './codes.ts';
import { type Piece, part, type Report } from './piece.ts';
import { didYouMean } from './suggest.ts';

/** The protocols that have a word; `icmp` means ICMPv6 on IPv6. */
export const protocolWords = {
  tcp: [protocolNumbers.tcp],
  udp: [protocolNumbers.udp],
  'tcp+udp': [protocolNumbers.tcp, protocolNumbers.udp],
  icmp: ['icmp'],
  sctp: [protocolNumbers.sctp],
  gre: [protocolNumbers.gre],
} as const satisfies Record<string, readonly L4['protocol'][]>;

export type Protocols = readonly L4['protocol'][];

/** Reads the word of a protocol. */
export function parseProtocol(piece: Piece, report: Report): Protocols | undefined {
  const { text, at } = piece;
  if (Object.hasOwn(protocolWords, text)) return protocolWords[text as keyof typeof protocolWords];
  const meant: Record<string, string> = { icmpv6: 'icmp', icmp6: 'icmp', 'udp+tcp': 'tcp+udp', ping: 'icmp' };
  const number = /^\d+$/.test(text)
    ? `a protocol by number needs the long form: { to: …, protocol: ${text} }`
    : undefined;
  if (/^\d+(\.\d+){3}$/.test(text)) {
    const fix = 'write the length of the prefix, as in "10.0.0.0/8"';
    report(diagnostic('badProtocol', at, `"${text}" is a mask, and neither a prefix length nor a protocol`, { fix }));
    return undefined;
  }
  const turned = /^([a-z+]+)(:[0-9,-]+)$/.exec(text);
  if (turned?.[1] !== undefined && Object.hasOwn(protocolWords, turned[1])) {
    const fix = `write "${turned[2]}/${turned[1]}"`;
    report(diagnostic('badProtocol', at, `ports stand before the protocol, not after it: "${text}"`, { fix }));
    return undefined;
  }
  const fix = meant[text.toLowerCase()];
  report(
    diagnostic('badProtocol', at, `unknown protocol "${text}"; there are ${Object.keys(protocolWords).join(', ')}`, {
      fix: fix === undefined ? (number ?? didYouMean(text, Object.keys(protocolWords))) : `did you mean "${fix}"?`,
    }),
  );
  return undefined;
}

/** Reads `443`, `8000-8100`, `80,443`. */
export function parsePorts(piece: Piece, report: Report): readonly PortRange[] | undefined {
  const ranges: (PortRange | undefined)[] = [];
  let start = 0;
  for (const text of piece.text.split(',')) {
    ranges.push(parseRange(part(piece, start, start + text.length), report));
    start += text.length + 1;
  }
  return ranges.every((range) => range !== undefined) ? ranges : undefined;
}

function parseRange(piece: Piece, report: Report): PortRange | undefined {
  const dash = piece.text.indexOf('-');
  if (dash < 0) {
    const port = parsePort(piece, report);
    return port === undefined ? undefined : { low: port, high: port };
  }
  const low = parsePort(part(piece, 0, dash), report);
  const high = parsePort(part(piece, dash + 1), report);
  if (low === undefined || high === undefined) return undefined;
  if (low <= high) return { low, high };
  report(
    diagnostic('reversedPorts', piece.at, `the range "${piece.text}" runs from high to low`, {
      fix: `write "${high}-${low}"`,
    }),
  );
  return undefined;
}

function parsePort({ text, at }: Piece, report: Report): number | undefined {
  if (/^[1-9][0-9]{0,4}$/.test(text) && Number(text) <= 65535) return Number(text);
  const message =
    text === ''
      ? 'a port is missing'
      : /^0+$/.test(text)
        ? 'there is no port 0'
        : /^[0-9]+$/.test(text) && Number(text) > 65535
          ? `"${text}" is above 65535, the highest port`
          : `"${text}" is not a port`;
  const fix =
    /^0+$/.test(text) || text === '*'
      ? 'leave the ports out to mean all of them'
      : /^0+[1-9][0-9]*$/.test(text)
        ? `write "${text.replace(/^0+/, '')}"`
        : (insteadOf(text) ?? 'ports are 1 to 65535: "443", "8000-8100", "80,443"');
  report(diagnostic('badPort', at, message, { fix }));
  return undefined;
}

/** Names that people write where a port stands (IANA, Service Name and Transport Protocol Port Number Registry). */
const serviceNames: Readonly<Record<string, number>> = {
  ssh: 22,
  smtp: 25,
  domain: 53,
  dns: 53,
  http: 80,
  ntp: 123,
  ldap: 389,
  https: 443,
  ldaps: 636,
};

function insteadOf(text: string): string | undefined {
  const word = text.toLowerCase();
  if (Object.hasOwn(serviceNames, word)) return `write "${serviceNames[word]}"`;
  return Object.hasOwn(protocolWords, word) ? `a protocol follows a "/": write "/${word}"` : undefined;
}

/** Joins protocols and ports; ports are for tcp, udp and sctp only, so anything else is reported. */
export function layer4(
  protocols: Protocols,
  ports: readonly PortRange[],
  at: Piece,
  report: Report,
): L4Match | undefined {
  const portless = protocols.find((protocol) => protocol === 'icmp' || !hasPorts(protocol));
  if (portless !== undefined && ports.length > 0) {
    report(
      diagnostic('badProtocol', at.at, `${protocolName(portless)} has no ports; tcp, udp and sctp have`, {
        fix: 'leave the ports out',
      }),
    );
    return undefined;
  }
  const ranges = ports.length === 0 ? [everyPort] : ports;
  return normaliseL4(protocols.flatMap((protocol) => ranges.map((range) => ({ protocol, ports: range }))));
}

/** The name of a protocol for people: `tcp`, `icmp`, `protocol 89`. */
export function protocolName(protocol: L4['protocol']): string {
  if (protocol === 'icmp') return 'icmp';
  const word = (['tcp', 'udp', 'sctp', 'gre'] as const).find((name) => protocolNumbers[name] === protocol);
  return word ?? `protocol ${protocol}`;
}

/** One form for what means the same: sorted by protocol, ports merged where they overlap or touch. */
export function normaliseL4(list: readonly L4[]): readonly L4[] {
  const rank = (protocol: L4['protocol']) => (protocol === 'icmp' ? -1 : protocol);
  const sorted = list.toSorted((a, b) => rank(a.protocol) - rank(b.protocol) || a.ports.low - b.ports.low);
  const merged: L4[] = [];
  for (const entry of sorted) {
    const last = merged.at(-1);
    if (last === undefined || last.protocol !== entry.protocol || entry.ports.low > last.ports.high + 1)
      merged.push(entry);
    else {
      const high = Math.max(last.ports.high, entry.ports.high);
      merged[merged.length - 1] = { protocol: last.protocol, ports: { low: last.ports.low, high } };
    }
  }
  return merged;
}
