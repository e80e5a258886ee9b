import { bits, formatAddress } from '../ip/address.ts';
import { formatPrefix, type Prefix } from '../ip/prefix.ts';
import { everyPort, type L4, type L4Match, type PortRange } from '../ip/protocol.ts';
import type { Destination, Who, WorkloadSelector } from './model.ts';
import { normaliseL4, type Protocols, protocolName, protocolWords } from './ports.ts';

/** `192.168.5.5`, `*.example.com`, `project/shop/db`, `internet`; IPv6 without brackets. */
export function formatWho(who: Who): string {
  switch (who.kind) {
    case 'prefix':
      return formatPrefix(who.prefix);
    case 'name':
      return who.wildcard ? `*.${who.name}` : who.name;
    case 'service':
      return `service/${who.service}`;
    case 'workload':
      return `project/${who.project.text}${who.service === null ? '' : `/${who.service.text}`}`;
    case 'container':
      return `container/${who.name.text}`;
    case 'network':
      return `network/${who.name}`;
    case 'builtin':
      return who.group;
    case 'group':
      return who.name;
    case 'any':
      return 'any';
  }
}

/** `PROJECT/SERVICE` or `container/NAME`. */
export function formatSelector(selector: WorkloadSelector): string {
  return selector.kind === 'container'
    ? `container/${selector.name.text}`
    : `${selector.project.text}/${selector.service.text}`;
}

/** Layer 4 for people, without what it belongs to: `443/tcp`, `53/tcp+udp`, `icmp`; `any` is the empty text. */
export function formatL4(l4: L4Match): string {
  if (l4 === 'any') return '';
  return spell(l4)
    .map(({ protocol, ports }) => (ports === '' ? protocol : `${ports}/${protocol}`))
    .join(', ');
}

/** A destination in as few words as it can be written in the language, its `until` and `reason` aside. */
export function formatTarget(who: readonly Who[], l4: L4Match): string {
  const [only, ...more] = who;
  if (only !== undefined && more.length === 0) {
    const suffix = shortSuffix(only, l4);
    if (suffix !== undefined) return bracketed(only, suffix !== '') + suffix;
  }
  return longForm(who, l4, []);
}

/** The canonical text of a destination, as it can stand in a list of a policy file (short form in need of quotes). */
export function formatDestination(destination: Destination): string {
  const { who, l4, until, reason } = destination;
  if (until === undefined && reason === undefined) return formatTarget(who, l4);
  return longForm(who, l4, [
    ...(until === undefined ? [] : [`until: ${formatDay(until)}`]),
    ...(reason === undefined ? [] : [`reason: ${JSON.stringify(reason)}`]),
  ]);
}

/** The UTC day of an instant (milliseconds since the epoch), as `until` is written. */
export function formatDay(instant: number): string {
  return new Date(instant).toISOString().slice(0, 10);
}

function longForm(who: readonly Who[], l4: L4Match, more: readonly string[]): string {
  const quoted = who.map((one) => JSON.stringify(bracketed(one, false)));
  const to = quoted.length === 1 ? quoted[0] : `[${quoted.join(', ')}]`;
  return `{ ${[`to: ${to}`, ...longLayer4(l4), ...more].join(', ')} }`;
}

function longLayer4(l4: L4Match): readonly string[] {
  if (l4 === 'any') return [];
  const spelled = spell(l4);
  const [first] = spelled;
  if (spelled.length === 1 && first?.ports === '') return [`protocol: ${first.protocol.replace(/^protocol /, '')}`];
  return [`ports: [${spelled.map(({ protocol, ports }) => JSON.stringify(`${ports}/${protocol}`)).join(', ')}]`];
}

/** `:443`, `/icmp` or nothing; undefined where only the long form can say it. */
function shortSuffix(who: Who, l4: L4Match): string | undefined {
  if (l4 === 'any') return '';
  const [only, ...more] = spell(l4);
  if (only === undefined || more.length > 0 || !Object.hasOwn(protocolWords, only.protocol)) return undefined;
  if (only.ports !== '') return `:${only.ports}${only.protocol === 'tcp' ? '' : `/${only.protocol}`}`;
  return isIdentity(who) ? undefined : `/${only.protocol}`;
}

function isIdentity(who: Who): boolean {
  return who.kind === 'service' || who.kind === 'workload' || who.kind === 'container' || who.kind === 'network';
}

/** IPv6 stands in brackets where ports or a protocol follow, and where its last group could be taken for a port. */
function bracketed(who: Who, followed: boolean): string {
  const text = formatWho(who);
  if (who.kind !== 'prefix' || who.prefix.address.family === 4) return text;
  return followed || endsInDigits(who.prefix) ? `[${text}]` : text;
}

function endsInDigits(prefix: Prefix): boolean {
  return prefix.length === bits(6) && /:[0-9]+$/.test(formatAddress(prefix.address));
}

/** Layer 4 by protocol; protocols with the same ports together where a word for them exists (`tcp+udp`). */
function spell(l4: readonly L4[]): readonly { readonly protocol: string; readonly ports: string }[] {
  const byProtocol = new Map<L4['protocol'], PortRange[]>();
  for (const { protocol, ports } of normaliseL4(l4))
    byProtocol.set(protocol, [...(byProtocol.get(protocol) ?? []), ports]);
  const byPorts = new Map<string, L4['protocol'][]>();
  for (const [protocol, ranges] of byProtocol) {
    const ports = ranges.map(formatRange).join(',');
    byPorts.set(ports, [...(byPorts.get(ports) ?? []), protocol]);
  }
  return [...byPorts].flatMap(([ports, protocols]) => words(protocols).map((protocol) => ({ protocol, ports })));
}

function words(protocols: Protocols): readonly string[] {
  const both = protocolWords['tcp+udp'];
  if (!both.every((protocol) => protocols.includes(protocol))) return protocols.map(protocolName);
  const rest = protocols.filter((protocol) => !(both as Protocols).includes(protocol));
  return ['tcp+udp', ...rest.map(protocolName)];
}

/** Every port is the empty text: nothing needs to be said. */
function formatRange({ low, high }: PortRange): string {
  if (low === everyPort.low && high === everyPort.high) return '';
  return low === high ? String(low) : `${low}-${high}`;
}
