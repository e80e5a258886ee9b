import { formatAddress } from '../ip/address.ts';
import type { EbMatch, EbRule, EbTable, EbTarget } from './model.ts';
import { printInterface } from './print.ts';

/** Text of ebtables-restore(8). */

/** A rule as ebtables-restore(8) takes it, without a line end: `-A CHAIN`, its matches in their order, then the target. */
export function printEbRule(chain: string, { matches, target }: EbRule): string {
  return ['-A', chain, ...matches.map(printMatch), printTarget(target)].join(' ');
}

/** A table's chains with their rules, and the jumps to them; for people and for files. */
export function printEbTable(table: EbTable): string {
  return [
    `*${table.name}`,
    ...table.chains.map(({ name }) => `:${name} RETURN`),
    ...table.chains.flatMap(({ name, rules }) => rules.map((rule) => printEbRule(name, rule))),
    ...table.jumps.map(({ hook, chain }) => `-I ${hook} -j ${chain}`),
    '',
  ].join('\n');
}

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

function printMatch(match: EbMatch): string {
  switch (match.kind) {
    case 'in':
    case 'out':
      return `-${match.kind === 'in' ? 'i' : 'o'} ${printInterface(match.name)}${match.starts === true ? '+' : ''}`;
    case 'source-mac':
      return `${match.not === true ? '! ' : ''}-s ${mac(match.mac)}`;
    case 'link-local-group':
      return '-d 01:80:c2:00:00:00/ff:ff:ff:ff:ff:f0';
    case 'ether-type':
      return `${match.not === true ? '! ' : ''}-p ${match.type}`;
    case 'vlan':
      return `--vlan-id ${match.id}`;
    case 'mark':
      return `--mark ${hex(match.is === 'set' ? match.bit : 0)}/${hex(match.bit)}`;
    case 'ip': {
      const { address, length } = match.prefix;
      return `--${address.family === 4 ? 'ip' : 'ip6'}-${match.end} ${formatAddress(address)}/${length}`;
    }
    case 'transport':
      return `--${match.family === 4 ? 'ip' : 'ip6'}-proto ${match.protocol === 'icmpv6' ? 'ipv6-icmp' : match.protocol}`;
    case 'icmpv6-type':
      return `--ip6-icmp-type ${match.type}`;
    case 'arp':
      return `--arp-htype 1 --arp-ptype 0x800 --arp-op ${match.operation === 1 ? 'Request' : 'Reply'}`;
    case 'arp-source':
      return `--arp-ip-src ${formatAddress(match.prefix.address)}${match.mac === undefined ? '' : ` --arp-mac-src ${mac(match.mac)}`}`;
  }
}

function mac(text: string): string {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(text)) throw new TypeError(`not a MAC: ${JSON.stringify(text)}`);
  return text;
}

function printTarget(target: EbTarget): string {
  switch (target.kind) {
    case 'drop':
      return '-j DROP';
    case 'return':
      return '-j RETURN';
    case 'jump':
      return `-j ${target.chain}`;
    case 'mark-and-return':
      return `-j mark --mark-or ${hex(target.bit)} --mark-target RETURN`;
    case 'clear-mark':
      return `-j mark --mark-and ${hex(~target.bit)} --mark-target CONTINUE`;
  }
}
