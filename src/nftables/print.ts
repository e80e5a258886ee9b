import { addressOf, formatAddress } from '../ip/address.ts';
import type { Element, Field, KeyPart, KeyType, NftSet, Rule, Statement, Verdict } from './model.ts';

/** nft text for the pieces of a table; everything in it is typed, so nothing can carry syntax of its own. */

/** Names that Sluice gives to chains, sets and counters; anything else is a programming error and throws. */
export function printName(name: string): string {
  if (!/^[A-Za-z][A-Za-z0-9_./-]{0,127}$/.test(name))
    throw new TypeError(`not a name for nft: ${JSON.stringify(name)}`);
  return name;
}

/** An interface name as nft takes it, quoted; the kernel's own limits are the gate (net/core/dev.c dev_valid_name). */
export function printInterface(name: string): string {
  if (!/^[^\s/":*\\]{1,15}$/.test(name)) throw new TypeError(`not an interface name: ${JSON.stringify(name)}`);
  return `"${name}"`;
}

/**
 * The type of a set's keys: by its names, or with `typeof` where a part is a raw payload, which has no name (nft(8), "Sets").
 */
export function printKeyType(key: readonly KeyType[]): string {
  if (!key.some((type) => type in rawPayloads)) return `type ${key.join(' . ')}`;
  return `typeof ${key.map((type) => typeofExpressions[type]).join(' . ')}`;
}

/** Parts of headers that nft has no name for: bits from the transport header's beginning on, and how many. */
const rawPayloads = { nd_target: '@th,64,128', quoted4: '@th,192,32', quoted6: '@th,256,128' } as const;

/** What `typeof` takes for the types that stand beside a raw payload in one key. */
const typeofExpressions: Readonly<Record<KeyType, string>> = {
  iface_index: 'iif',
  ifname: 'iifname',
  ether_addr: 'ether saddr',
  ipv4_addr: 'ip saddr',
  ipv6_addr: 'ip6 saddr',
  inet_proto: 'meta l4proto',
  inet_service: 'th dport',
  ...rawPayloads,
};

/** The body of `add set` or `add map`. */
export function printSetType(set: NftSet): string {
  const data = set.data === 'verdict' ? ' : verdict' : '';
  return `${printKeyType(set.key)}${data};${set.interval ? ' flags interval;' : ''}`;
}

/** An element of a set or a verdict map, without braces. @throws TypeError for an interface name that nft cannot take */
export function printElement(set: Pick<NftSet, 'key'>, element: Element): string {
  // a loop, because a policy has hundreds of thousands of these
  let key = '';
  for (let index = 0; index < element.key.length; index++) {
    if (index > 0) key += ' . ';
    key += printPart(set.key[index] as KeyType, element.key[index] as KeyPart);
  }
  return element.verdict === undefined ? key : `${key} : ${printVerdict(element.verdict)}`;
}

function printPart(type: KeyType, part: KeyPart): string {
  if ('name' in part) return printInterface(part.name);
  const low = printValue(type, part.low);
  return part.low === part.high ? low : `${low}-${printValue(type, part.high)}`;
}

function printValue(type: KeyType, value: bigint): string {
  switch (type) {
    case 'ipv4_addr':
      return formatAddress(addressOf(4, value));
    case 'ipv6_addr':
      return formatAddress(addressOf(6, value));
    case 'ether_addr':
      return printMac(value);
    case 'quoted4':
      return `0x${value.toString(16).padStart(8, '0')}`;
    case 'nd_target':
    case 'quoted6':
      return `0x${value.toString(16).padStart(32, '0')}`;
    default:
      return Number(value).toString(); // interfaces, protocols, ports, seconds: all far below 2^53, and numbers print faster
  }
}

function printMac(value: bigint): string {
  return (value.toString(16).padStart(12, '0').match(/../g) ?? []).join(':');
}

/** A verdict, with the chain it goes to. @throws TypeError for a chain's name that is not one of ours */
export function printVerdict(verdict: Verdict): string {
  return 'chain' in verdict ? `${verdict.kind} ${printName(verdict.chain)}` : verdict.kind;
}

/** A rule's statements in one line, without its chain, handle or comment. */
export function printRule(rule: Rule): string {
  return rule.map(printStatement).join(' ');
}

const hex = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;

function printStatement(statement: Statement): string {
  switch (statement.kind) {
    case 'match':
      return printMatch(statement);
    case 'mark-bit':
      return `${statement.of} mark and ${hex(statement.bit)} ${statement.is === 'set' ? '!=' : '=='} 0`;
    case 'change-mark':
      return statement.to === 'set'
        ? `${statement.of} mark set ${statement.of} mark or ${hex(statement.bit)}`
        : `${statement.of} mark set ${statement.of} mark and ${hex(~statement.bit >>> 0)}`;
    case 'ct-state':
      return `ct state ${statement.states.join(',')}`;
    case 'ct-status':
      return `ct status ${statement.status}`;
    case 'tcp-syn':
      return 'tcp flags & (fin | syn | rst | ack) == syn';
    case 'reverse-path':
      return `fib saddr . iif oif ${statement.is}`;
    case 'vmap':
      return `${printFields(statement.fields)} vmap @${printName(statement.map)}`;
    case 'counter':
      return `counter name "${printName(statement.name)}"`;
    case 'reject':
      return statement.with === 'tcp-reset' ? 'reject with tcp reset' : 'reject with icmpx admin-prohibited';
    case 'verdict':
      return printVerdict(statement.verdict);
  }
}

const printFields = (fields: readonly Field[]): string => fields.map(printField).join(' . ');

function printField(field: Field): string {
  switch (field) {
    case 'nd target':
      return rawPayloads.nd_target;
    case 'quoted ip daddr':
      return rawPayloads.quoted4;
    case 'quoted ip6 daddr':
      return rawPayloads.quoted6;
    default:
      return field;
  }
}

function printMatch(statement: Extract<Statement, { kind: 'match' }>): string {
  const left = printFields(statement.fields);
  const op = statement.op === '==' ? '' : `${statement.op} `;
  if (statement.value.kind === 'set') return `${left} ${op}@${printName(statement.value.name)}`;
  const field = statement.fields[0] as Field;
  const values = statement.value.values.map((value) => printOperand(field, value));
  return `${left} ${op}${values.length === 1 ? values[0] : `{ ${values.join(', ')} }`}`;
}

const fieldTypes: Partial<Record<Field, KeyType>> = {
  'ip saddr': 'ipv4_addr',
  'ip daddr': 'ipv4_addr',
  'ip6 saddr': 'ipv6_addr',
  'ip6 daddr': 'ipv6_addr',
  'arp saddr ip': 'ipv4_addr',
  'ether saddr': 'ether_addr',
  'ether daddr': 'ether_addr',
  'ct original ip daddr': 'ipv4_addr',
  'ct original ip6 daddr': 'ipv6_addr',
};

/** Words for the values of fields that nft does not take as numbers. */
const valueWords: Partial<Record<Field, Readonly<Record<string, string>>>> = {
  'ct direction': { 0: 'original', 1: 'reply' },
  'meta nfproto': { 2: 'ipv4', 10: 'ipv6' },
  'ether type': { 0x0800: 'ip', 0x86dd: 'ip6', 0x0806: 'arp', 0x8100: '8021q', 0x88a8: '8021ad' },
  'arp ptype': { 0x0800: 'ip' },
  'arp operation': { 1: 'request', 2: 'reply' },
};

function printOperand(field: Field, value: KeyPart): string {
  if ('name' in value) return printInterface(value.name);
  const word = valueWords[field]?.[value.low.toString()];
  if (word !== undefined && value.low === value.high) return word;
  return printPart(fieldTypes[field] ?? 'inet_service', value);
}
