import { fieldTypes } from './fields.ts';
import { integer, isObject, list, objectWith, onlyEntry, text, unknown } from './listing.ts';
import type { Field, Rule, Statement, Verdict } from './model.ts';
import { fieldWords, type InterfaceIndices, protocolWords, readValues, type ValueReader } from './read-value.ts';
import { is } from './statements.ts';

type MatchStatement = Extract<Statement, { kind: 'match' }>;

/** A rule's statements from its `expr`. */
export function readRule(expressions: unknown, interfaces: InterfaceIndices): Rule {
  return list('a rule', expressions).flatMap((expression) => readStatement(expression, interfaces));
}

function readStatement(expression: unknown, interfaces: InterfaceIndices): readonly Statement[] {
  const [kind, inside] = onlyEntry('a statement', expression);
  switch (kind) {
    case 'match':
      return readMatch(objectWith('a match', inside, ['op', 'left', 'right']), interfaces);
    case 'vmap': {
      const { key, data } = objectWith('a vmap', inside, ['key', 'data']);
      const map = setName(data) ?? unknown('a map without a name', data);
      const { fields, protocol } = readFields(key);
      return withProtocol(protocol, { kind: 'vmap', fields, map });
    }
    case 'counter':
      return [{ kind: 'counter', name: text('a counter without a name', inside) }];
    case 'mangle':
      return [readMangle(objectWith('a mangle', inside, ['key', 'value']))];
    case 'reject':
      return [readReject(objectWith('a reject', inside, ['type', 'expr']))];
    default:
      return [{ kind: 'verdict', verdict: readVerdict(expression) }];
  }
}

/** `{ "accept": null }`, `{ "goto": { "target": "chain" } }`. */
export function readVerdict(verdict: unknown): Verdict {
  const [kind, inside] = onlyEntry('a verdict', verdict);
  if (kind === 'accept' || kind === 'drop' || kind === 'return')
    return inside === null ? { kind } : unknown('a verdict', verdict);
  if (kind !== 'jump' && kind !== 'goto') return unknown('a statement', verdict);
  return { kind, chain: text('a chain', objectWith('a verdict', inside, ['target'])['target']) };
}

type Ported = { readonly field: Field; readonly protocol?: number };

/** Payload fields as nft names them; `protocol` where the header's name says the protocol, too. */
const payloadFields: Readonly<Record<string, Ported>> = {
  'ether saddr': { field: 'ether saddr' },
  'ether daddr': { field: 'ether daddr' },
  'ether type': { field: 'ether type' },
  'ip saddr': { field: 'ip saddr' },
  'ip daddr': { field: 'ip daddr' },
  'ip hdrlength': { field: 'ip hdrlength' },
  'ip frag-off': { field: 'ip frag-off' },
  'ip6 saddr': { field: 'ip6 saddr' },
  'ip6 daddr': { field: 'ip6 daddr' },
  'vlan id': { field: 'vlan id' },
  'ip6 hoplimit': { field: 'ip6 hoplimit' },
  'th dport': { field: 'th dport' },
  'tcp dport': { field: 'th dport', protocol: 6 },
  'udp dport': { field: 'th dport', protocol: 17 },
  'sctp dport': { field: 'th dport', protocol: 132 },
  'icmp type': { field: 'icmp type' },
  'igmp type': { field: 'igmp type', protocol: 2 },
  'icmpv6 type': { field: 'icmpv6 type' },
  'icmpv6 taddr': { field: 'nd target' },
  'arp htype': { field: 'arp htype' },
  'arp ptype': { field: 'arp ptype' },
  'arp hlen': { field: 'arp hlen' },
  'arp plen': { field: 'arp plen' },
  'arp operation': { field: 'arp operation' },
  'arp saddr ether': { field: 'arp saddr ether' },
  'arp saddr ip': { field: 'arp saddr ip' },
};

const metaFields: Readonly<Record<string, Field>> = {
  iif: 'iif',
  iifname: 'iifname',
  iifkind: 'meta iifkind',
  oif: 'oif',
  oifname: 'oifname',
  l4proto: 'meta l4proto',
  nfproto: 'meta nfproto',
  time: 'meta time',
};

const ctFields: Readonly<Record<string, Field>> = {
  direction: 'ct direction',
  'original ip daddr': 'ct original ip daddr',
  'original ip6 daddr': 'ct original ip6 daddr',
  'original proto-dst': 'ct original proto-dst',
};

/** The field an expression asks for. */
export function readField(expression: unknown): Ported {
  const [kind, inside] = onlyEntry('an expression', expression);
  if (!isObject(inside)) return unknown('an expression', expression);
  switch (kind) {
    case 'meta': {
      const field = metaFields[text('a meta key', objectWith('a meta', inside, ['key'])['key'])];
      return field === undefined ? unknown('a meta key', inside) : { field };
    }
    case 'ct': {
      const { key, dir } = objectWith('a ct', inside, ['key', 'dir']);
      const field = ctFields[dir === undefined ? text('a ct key', key) : `${text('a ct', dir)} ${text('a ct', key)}`];
      return field === undefined ? unknown('a ct key', inside) : { field };
    }
    case 'payload': {
      if (inside['base'] === 'th') return { field: rawField(inside) };
      const { protocol, field } = objectWith('a payload', inside, ['protocol', 'field']);
      return payloadFields[`${String(protocol)} ${String(field)}`] ?? unknown('a header field', inside);
    }
    case 'exthdr': {
      const { name, field } = objectWith('an extension header', inside, ['name', 'field']);
      if (name === 'rt' && field === 'type') return { field: 'rt type' };
      return name === 'frag' && field === 'nexthdr' ? { field: 'frag nexthdr' } : unknown('a header field', inside);
    }
    default:
      return unknown('an expression', expression);
  }
}

/** A part of a header that nft has no name for. */
function rawField({ offset, len }: Readonly<Record<string, unknown>>): Field {
  if (offset === 64 && len === 128) return 'nd target';
  if (offset === 192 && len === 32) return 'quoted ip daddr';
  if (offset === 256 && len === 128) return 'quoted ip6 daddr';
  return unknown('a header field', { offset, len });
}

/** One field, or several concatenated, and the protocol that one of them brings along. */
function readFields(expression: unknown): { readonly fields: readonly Field[]; readonly protocol?: number } {
  const parts =
    isObject(expression) && 'concat' in expression
      ? list('a concatenation', objectWith('a concatenation', expression, ['concat'])['concat'])
      : [expression];
  const read = parts.map(readField);
  const protocol = read.find((part) => part.protocol !== undefined)?.protocol;
  return { fields: read.map(({ field }) => field), ...(protocol === undefined ? {} : { protocol }) };
}

/** The statement, after the protocol that its fields bring along. */
function withProtocol(protocol: number | undefined, statement: Statement): readonly Statement[] {
  return protocol === undefined ? [statement] : [is('meta l4proto', protocol), statement];
}

function setName(value: unknown): string | undefined {
  return typeof value === 'string' && value.startsWith('@') ? value.slice(1) : undefined;
}

type MatchParts = Readonly<Record<string, unknown>>;

function readMatch(match: MatchParts, interfaces: InterfaceIndices): readonly Statement[] {
  const { op, left, right } = match;
  if (isObject(left) && 'fib' in left) return [readReversePath(match)];
  if (isObject(left) && '&' in left) return [readMasked(match, list('a mask', left['&']))];
  if (op === 'in') return [readConversationBits(left, right)];
  if (op !== '==' && op !== '!=' && op !== '<') return unknown('a comparison', op);
  const set = setName(right);
  if (set !== undefined && !isObject(right)) {
    const { fields, protocol } = readFields(left);
    return withProtocol(protocol, { kind: 'match', fields, op, value: { kind: 'set', name: set } });
  }
  const { field, protocol } = readField(left);
  const reader: ValueReader = {
    type: fieldTypes[field],
    words: fieldTypes[field] === 'inet_proto' ? protocolWords : (fieldWords[field] ?? {}),
    interfaces,
  };
  const values = readValues(right, reader);
  const statement: MatchStatement = { kind: 'match', fields: [field], op, value: { kind: 'values', values } };
  return withProtocol(protocol, statement);
}

/** `fib saddr . iif oif missing`, whose text has been `check missing` since nft 1.1.4 and whose JSON has stayed. */
function readReversePath({ op, left, right }: MatchParts): Statement {
  const asked = JSON.stringify(left) === '{"fib":{"result":"oif","flags":["saddr","iif"]}}';
  return asked && op === '==' && right === false
    ? { kind: 'reverse-path', is: 'missing' }
    : unknown('a question about routes', [left, op, right]);
}

/** `meta mark and BIT`, `ct mark and BIT`, and the TCP flags that open a connection. */
function readMasked({ op, right }: MatchParts, [of, mask]: readonly unknown[]): Statement {
  const mark = markOf(of);
  if (mark !== undefined && right === 0 && (op === '==' || op === '!='))
    return { kind: 'mark-bit', of: mark, bit: integer('a mark', mask), is: op === '!=' ? 'set' : 'clear' };
  const flags = isObject(mask) ? mask['|'] : mask; // 1.0.6 writes a list, later ones an or of it
  const opens = op === '==' && right === 'syn' && JSON.stringify(flags) === '["fin","syn","rst","ack"]';
  const isFlags = JSON.stringify(of) === '{"payload":{"protocol":"tcp","field":"flags"}}';
  return opens && isFlags ? { kind: 'tcp-syn' } : unknown('a masked comparison', [op, of, mask, right]);
}

function markOf(expression: unknown): 'meta' | 'ct' | undefined {
  const json = JSON.stringify(expression);
  if (json === '{"meta":{"key":"mark"}}') return 'meta';
  return json === '{"ct":{"key":"mark"}}' ? 'ct' : undefined;
}

const states = ['invalid', 'new', 'established', 'related', 'untracked'] as const;

function readConversationBits(left: unknown, right: unknown): Statement {
  const json = JSON.stringify(left);
  if (json === '{"ct":{"key":"status"}}' && right === 'dnat') return { kind: 'ct-status', status: 'dnat' };
  if (json !== '{"ct":{"key":"state"}}') return unknown('a test of bits', [left, right]);
  const words = Array.isArray(right) ? right : [right];
  return {
    kind: 'ct-state',
    states: words.map((word) => states.find((state) => state === word) ?? unknown('a conntrack state', right)),
  };
}

/** `meta mark set meta mark or BIT`, or `and` all but it; the same of the conntrack mark. */
function readMangle({ key, value }: MatchParts): Statement {
  const of = markOf(key);
  const [operator, operands] = onlyEntry('a changed value', value);
  const [source, bits, ...more] = list('a changed value', operands);
  if (of === undefined || markOf(source) !== of || more.length > 0) return unknown('a changed value', [key, value]);
  const number = integer('a mark', bits);
  if (operator === '|') return { kind: 'change-mark', of, bit: number, to: 'set' };
  return operator === '&' ? { kind: 'change-mark', of, bit: ~number >>> 0, to: 'clear' } : unknown('a change', value);
}

function readReject({ type, expr }: MatchParts): Statement {
  if (type === 'tcp reset' && expr === undefined) return { kind: 'reject', with: 'tcp-reset' };
  if (type === 'icmpx' && expr === 'admin-prohibited') return { kind: 'reject', with: 'admin-prohibited' };
  return unknown('a reject', [type, expr]);
}
