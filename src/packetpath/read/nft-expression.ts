import type { Cursor } from './nft-token.ts';

/** Expressions of nft's text, made into those of its JSON. undefined: not understood; where the cursor then stands, means nothing. */
export type Expression = NonNullable<unknown>;

const metaKeys: ReadonlySet<string> = new Set(
  (
    'iifname oifname iif oif iiftype oiftype iifkind oifkind iifgroup oifgroup l4proto nfproto protocol mark pkttype skuid skgid ' +
    'cgroup length priority time hour day random cpu nftrace rtclassid ibrname obrname ibrpvid ibrvproto sdif sdifname ibriport ' +
    'secmark ipsec'
  ).split(' '),
);

/** Those that nft prints without `meta` in front. */
const bareMeta: ReadonlySet<string> = new Set(
  'iifname oifname iif oif iiftype oiftype iifkind oifkind iifgroup oifgroup mark pkttype skuid skgid cgroup rtclassid cpu'.split(
    ' ',
  ),
);

const headerFields: Readonly<Record<string, ReadonlySet<string>>> = {
  ether: new Set(['saddr', 'daddr', 'type']),
  vlan: new Set(['id', 'dei', 'pcp', 'type', 'cfi']),
  arp: new Set(['htype', 'ptype', 'hlen', 'plen', 'operation']),
  ip: new Set([
    'version',
    'hdrlength',
    'dscp',
    'ecn',
    'length',
    'id',
    'frag-off',
    'ttl',
    'protocol',
    'checksum',
    'saddr',
    'daddr',
  ]),
  ip6: new Set(['version', 'dscp', 'ecn', 'flowlabel', 'length', 'nexthdr', 'hoplimit', 'saddr', 'daddr']),
  icmp: new Set(['type', 'code', 'checksum', 'id', 'sequence', 'gateway', 'mtu']),
  icmpv6: new Set([
    'type',
    'code',
    'checksum',
    'id',
    'sequence',
    'mtu',
    'max-delay',
    'taddr',
    'daddr',
    'parameter-problem',
    'packet-too-big',
  ]),
  igmp: new Set(['type', 'mrt', 'checksum', 'group']),
  tcp: new Set(['sport', 'dport', 'sequence', 'ackseq', 'doff', 'reserved', 'flags', 'window', 'checksum', 'urgptr']),
  udp: new Set(['sport', 'dport', 'length', 'checksum']),
  udplite: new Set(['sport', 'dport', 'csumcov', 'checksum']),
  sctp: new Set(['sport', 'dport', 'vtag', 'checksum']),
  dccp: new Set(['sport', 'dport', 'type']),
  th: new Set(['sport', 'dport']),
  esp: new Set(['spi', 'sequence']),
  ah: new Set(['nexthdr', 'hdrlength', 'reserved', 'spi', 'sequence']),
};

const conversationKeys: ReadonlySet<string> = new Set(
  'state direction status mark expiration helper label l3proto protocol saddr daddr proto-src proto-dst bytes packets avgpkt zone id event count'.split(
    ' ',
  ),
);

/** What a match or a map asks for: a field, a part of one, or several joined by ` . `. */
export function readLeft(cursor: Cursor): Expression | undefined {
  const parts: Expression[] = [];
  do {
    const part = readMasked(cursor);
    if (part === undefined) return undefined;
    parts.push(part);
  } while (cursor.accept('.'));
  return parts.length === 1 ? parts[0] : { concat: parts };
}

function readMasked(cursor: Cursor): Expression | undefined {
  const primary = readPrimary(cursor);
  if (primary === undefined || !(cursor.accept('&') || cursor.accept('and'))) return primary;
  const mask = readOr(cursor);
  return mask === undefined ? undefined : { '&': [primary, mask] };
}

/** `(syn | rst)`, `0x00000003`, `255.0.255.0` */
function readOr(cursor: Cursor): Expression | undefined {
  if (!cursor.accept('(')) return readScalar(cursor);
  const parts: Expression[] = [];
  do {
    const part = readScalar(cursor);
    if (part === undefined) return undefined;
    parts.push(part);
  } while (cursor.accept('|') || cursor.accept(','));
  return cursor.accept(')') ? { '|': parts } : undefined;
}

const punctuation: ReadonlySet<string> = new Set([
  '{',
  '}',
  '(',
  ')',
  ';',
  ',',
  '|',
  '^',
  '&',
  '.',
  ':',
  '=',
  '!',
  '<',
  '>',
  '==',
  '!=',
  '<=',
  '>=',
  '<<',
  '>>',
]);

/** A word as it is; its digits as a number, as JSON has them. */
export function readScalar(cursor: Cursor): string | number | undefined {
  const token = cursor.peek();
  if (token === undefined || (!token.quoted && punctuation.has(token.text))) return undefined;
  cursor.at++;
  if (token.quoted) return token.text;
  return /^(0|[1-9][0-9]{0,9})$/.test(token.text) ? Number(token.text) : token.text;
}

/**
 * One thing that a packet is asked for, in the shape of `nft -j` (libnftables-json(5)): `meta`, `ct`, `fib`, `numgen`, a field
 * of a header.
 *
 * @returns undefined for anything else; then the cursor may stand behind its first words
 */
export function readPrimary(cursor: Cursor): Expression | undefined {
  const first = cursor.word();
  if (first === undefined) return undefined;
  if (first === 'meta') return readMeta(cursor, 1);
  if (bareMeta.has(first)) return readMeta(cursor, 0);
  if (first === 'ct') return readConversation(cursor);
  if (first === 'fib') return readFib(cursor);
  if (first === 'numgen') return readNumgen(cursor);
  const fields = Object.hasOwn(headerFields, first) ? headerFields[first] : undefined;
  const field = cursor.word(1);
  if (first === 'arp' && (field === 'saddr' || field === 'daddr')) {
    cursor.at += 3;
    return { payload: { protocol: 'arp', field: `${field} ${String(cursor.word(-1))}` } };
  }
  if (fields === undefined || field === undefined || !fields.has(field)) return undefined;
  cursor.at += 2;
  return { payload: { protocol: first, field } };
}

function readMeta(cursor: Cursor, skip: number): Expression | undefined {
  const key = cursor.word(skip);
  if (key === undefined || !metaKeys.has(key)) return undefined;
  cursor.at += skip + 1;
  return { meta: { key } };
}

function readConversation(cursor: Cursor): Expression | undefined {
  const dir = cursor.word(1);
  const directed = dir === 'original' || dir === 'reply';
  let at = directed ? 2 : 1;
  const family = cursor.word(at) === 'ip' || cursor.word(at) === 'ip6' ? cursor.word(at++) : undefined;
  const key = cursor.word(at);
  if (key === undefined || !conversationKeys.has(key)) return undefined;
  cursor.at += at + 1;
  return { ct: { key: family === undefined ? key : `${family} ${key}`, ...(directed ? { dir } : {}) } };
}

function readFib(cursor: Cursor): Expression | undefined {
  cursor.at++;
  const flags: string[] = [];
  do {
    const flag = cursor.word();
    if (flag === undefined || !['saddr', 'daddr', 'mark', 'iif', 'oif'].includes(flag)) return undefined;
    flags.push(flag);
    cursor.at++;
  } while (cursor.accept('.'));
  const word = cursor.word();
  const result = word === 'check' ? 'oif' : word; // so nft writes an `oif` that is asked for its being there, since 1.1.4
  if (result !== 'type' && result !== 'oif' && result !== 'oifname') return undefined;
  cursor.at++;
  return { fib: { result, flags } };
}

function readNumgen(cursor: Cursor): Expression | undefined {
  const [mode, mod, size] = [cursor.word(1), cursor.word(2), cursor.word(3)];
  if (mod !== 'mod' || size === undefined) return undefined;
  cursor.at += 4;
  if (cursor.accept('offset')) cursor.at++;
  return { numgen: { mode, mod: size } };
}

const signs: ReadonlySet<string> = new Set(['==', '!=', '<', '>', '<=', '>=', '!']);

/** `!= { 80, 443 }`, `established,related`, `& … == syn`: what a field is compared with, and how. */
export function readComparison(cursor: Cursor): { readonly op: string; readonly right: Expression } | undefined {
  const sign = cursor.word();
  const op = sign !== undefined && signs.has(sign) ? sign : undefined;
  if (op !== undefined) cursor.at++;
  const right = readRight(cursor);
  return right === undefined ? undefined : { op: op ?? 'in', right };
}

function readRight(cursor: Cursor): Expression | undefined {
  if (cursor.accept('{')) return readSetOf(cursor, readElement);
  const values: Expression[] = [];
  do {
    const value = readConcat(cursor);
    if (value === undefined) return undefined;
    values.push(value);
  } while (cursor.accept(',') || cursor.accept('|'));
  return values.length === 1 ? values[0] : { '|': values };
}

/** One value, or several joined by ` . `; a quoted range is three words. */
export function readConcat(cursor: Cursor): Expression | undefined {
  const parts: Expression[] = [];
  do {
    const part = readScalar(cursor);
    if (part === undefined) return undefined;
    const to = cursor.accept('-') ? readScalar(cursor) : undefined;
    parts.push(to === undefined ? part : { range: [part, to] });
  } while (cursor.accept('.'));
  return parts.length === 1 ? parts[0] : { concat: parts };
}

/** The members of an opened brace. */
export function readSetOf(cursor: Cursor, member: (cursor: Cursor) => Expression | undefined): Expression | undefined {
  const members: Expression[] = [];
  while (!cursor.accept('}')) {
    const one = member(cursor);
    if (one === undefined) return undefined;
    members.push(one);
    if (!cursor.accept(',') && cursor.word() !== '}') return undefined;
  }
  return { set: members };
}

/** An element's key with what is kept of it: its time, its counter, its comment. */
export function readElement(cursor: Cursor): Expression | undefined {
  const key = readConcat(cursor);
  if (key === undefined) return undefined;
  const extra: Record<string, unknown> = {};
  for (;;) {
    const word = cursor.word();
    if (word === 'timeout' || word === 'expires' || word === 'comment' || word === 'packets' || word === 'bytes') {
      extra[word] = cursor.peek(1)?.text;
      cursor.at += 2;
    } else if (word === 'counter') {
      cursor.at++;
      extra['counter'] = true;
    } else if (word === 'limit' || word === 'quota' || word === 'ct' || word === 'last') {
      extra[word] = true;
      while (!cursor.done && ![',', '}', ':'].includes(cursor.word() ?? '')) cursor.at++;
    } else break;
  }
  return Object.keys(extra).length === 0 ? key : { elem: { val: key, ...extra } };
}
