import {
  type Expression,
  readComparison,
  readConcat,
  readElement,
  readLeft,
  readPrimary,
  readScalar,
  readSetOf,
} from './nft-expression.ts';
import { isObject, onlyEntry } from './nft-item.ts';
import type { Cursor } from './nft-token.ts';

/** Statements of nft's text, made into those of its JSON; each keeps its text for people. */

/** A rule's statements and its comment. */
export interface TextRule {
  readonly statements: readonly unknown[];
  /** Of each statement as the listing has it. */
  readonly texts: readonly string[];
  readonly comment: string | null;
  /** Without counters and comment. */
  readonly text: string;
}

/** Reads the words of one rule; from a statement that is not understood on, the rest of it is one unknown. */
export function readTextRule(cursor: Cursor, source: (from: number, to: number) => string): TextRule {
  const statements: unknown[] = [];
  const texts: string[] = [];
  let whole = '';
  let comment: string | null = null;
  const add = (statement: unknown, start: number): void => {
    const text = source(start, cursor.at);
    statements.push(statement);
    texts.push(text);
    if (typeof statement !== 'object' || statement === null || !('counter' in statement))
      whole += whole === '' ? text : ` ${text}`;
  };
  while (!cursor.done) {
    const start = cursor.at;
    if (cursor.word() === 'comment' && cursor.peek(1)?.quoted === true) {
      comment = cursor.peek(1)?.text ?? null;
      cursor.at += 2;
      continue;
    }
    const read = readOne(cursor);
    if (read === undefined || cursor.at === start) {
      cursor.at = start;
      skipStrange(cursor);
      const first = cursor.peek(start - cursor.at)?.text ?? '';
      const last = cursor.done || cursor.word() === 'comment' || ending.has(first);
      add({ strange: last ? 'statement' : 'condition' }, start);
    } else add(read, start);
  }
  return { statements, texts, comment, text: whole };
}

/** Statements that end a packet's walk, or may. */
const ending: ReadonlySet<string> = new Set(['synproxy', 'fwd', 'tproxy']);

/** Everything up to a counter or a verdict: those are read again, so that what is certain stays so. */
function skipStrange(cursor: Cursor): void {
  cursor.at++;
  while (!cursor.done) {
    const word = cursor.word();
    if (word === '{') {
      cursor.at++;
      cursor.skipBraces();
      continue;
    }
    if (
      word === 'counter' ||
      word === 'accept' ||
      word === 'drop' ||
      word === 'return' ||
      word === 'jump' ||
      word === 'goto'
    )
      return;
    if (word === 'comment' && cursor.peek(1)?.quoted === true) return;
    cursor.at++;
  }
}

type Statement = Readonly<Record<string, unknown>> | string;

function readOne(cursor: Cursor): Statement | undefined {
  switch (cursor.word()) {
    case 'accept':
    case 'drop':
    case 'return':
    case 'continue':
    case 'notrack':
      return cursor.next()?.text;
    case 'jump':
    case 'goto': {
      const kind = cursor.next()?.text as string;
      const target = cursor.next()?.text;
      return target === undefined ? undefined : { [kind]: { target } };
    }
    case 'counter':
      return readCounter(cursor);
    case 'log':
      return readLog(cursor);
    case 'limit':
    case 'quota':
      return readLoad(cursor);
    case 'last':
      return readLast(cursor);
    case 'reject':
      return readReject(cursor);
    case 'dnat':
    case 'snat':
      return readNat(cursor);
    case 'masquerade':
    case 'redirect':
      return readPortNat(cursor);
    case 'queue':
      return readQueue(cursor);
    case 'add':
    case 'update':
    case 'delete':
      return readSetChange(cursor);
    case 'xt':
      return readXt(cursor);
    case 'ct':
      if (cursor.word(1) === 'count') return readLoad(cursor);
      if (cursor.word(2) === 'set') return readSetting(cursor);
      return readMatch(cursor);
    case 'tcp':
      return cursor.word(1) === 'option' ? readTcpOption(cursor) : readMatch(cursor);
    default:
      return readMatch(cursor);
  }
}

function readCounter(cursor: Cursor): Statement | undefined {
  cursor.at++;
  if (cursor.word() === 'packets' && cursor.word(2) === 'bytes') {
    if (![1, 3].every((ahead) => /^[0-9]+$/.test(cursor.word(ahead) ?? ''))) return undefined;
    const counts = { packets: Number(cursor.word(1)), bytes: Number(cursor.word(3)) };
    cursor.at += 4;
    return { counter: counts };
  }
  if (!cursor.accept('name')) return { counter: null };
  return { counter: cursor.next()?.text ?? '' };
}

function readLog(cursor: Cursor): Statement {
  cursor.at++;
  const valued = ['prefix', 'group', 'snaplen', 'queue-threshold', 'level', 'flags'];
  while (valued.includes(cursor.word() ?? '')) {
    const flags = cursor.word() === 'flags';
    cursor.at += 2;
    if (flags && ['sequence', 'options'].includes(cursor.word() ?? '')) cursor.at++; // `flags tcp sequence,options`
    while (flags && cursor.accept(',')) cursor.at++;
  }
  return { log: null };
}

/** `limit rate over 10/second burst 5 packets`, `limit name "l"`, `quota over 10 mbytes used 3 bytes`, `ct count over 20` */
function readLoad(cursor: Cursor): Statement {
  const kind = cursor.word() === 'ct' ? 'ct count' : (cursor.word() as string);
  const own = /^(count|rate|name|over|until|burst|packets|bytes|kbytes|mbytes|gbytes|used|[0-9]+(\/\w+)?)$/;
  cursor.at++;
  while (!cursor.done && (cursor.peek()?.quoted === true || own.test(cursor.word() ?? ''))) {
    // a rate of bytes is `10 kbytes/second`
    cursor.at++;
    if (/^\w+\/\w+$/.test(cursor.word() ?? '')) cursor.at++;
  }
  return { [kind]: {} };
}

function readLast(cursor: Cursor): Statement {
  cursor.at++;
  if (cursor.accept('used')) cursor.at++;
  return { last: null };
}

function readReject(cursor: Cursor): Statement | undefined {
  cursor.at++;
  if (!cursor.accept('with')) return { reject: null };
  const type = cursor.next()?.text ?? '';
  if (type === 'tcp') return cursor.accept('reset') ? { reject: { type: 'tcp reset' } } : undefined;
  cursor.accept('type'); // before 1.0
  const expr = cursor.next()?.text;
  return expr === undefined ? undefined : { reject: { type, expr } };
}

const natFlags = ['random', 'fully-random', 'persistent'];

function skipNatFlags(cursor: Cursor): void {
  while (natFlags.includes(cursor.word() ?? '')) {
    cursor.at++;
    cursor.accept(',');
  }
}

/** `dnat ip to 10.0.0.2:80`; where to by a map is not understood. */
function readNat(cursor: Cursor): Statement | undefined {
  const kind = cursor.next()?.text as string;
  if (cursor.word() === 'ip' || cursor.word() === 'ip6') cursor.at++;
  const prefix = cursor.accept('prefix');
  if (!cursor.accept('to')) return undefined;
  const start = cursor.at;
  const to = readScalar(cursor);
  if (to === undefined) return undefined;
  const plain = !prefix && isPlainTarget(cursor);
  if (!plain) {
    // the rest of an expression: `ip saddr map { … }`
    cursor.at = start;
    while (!cursor.done && !natFlags.includes(cursor.word() ?? '') && cursor.word() !== 'comment') {
      if (cursor.accept('{')) cursor.skipBraces();
      else cursor.at++;
    }
  }
  skipNatFlags(cursor);
  return { [kind]: plain ? splitTarget(String(to)) : { addr: {} } };
}

const isPlainTarget = (cursor: Cursor): boolean =>
  cursor.done || (cursor.peek()?.quoted === false && [...natFlags, 'comment'].includes(cursor.word() ?? ''));

/** `10.0.0.2:80`, `[fd00::2]:80`, `:53`, `fd00::2` */
function splitTarget(to: string): Readonly<Record<string, unknown>> {
  if (to.startsWith('[')) {
    const end = to.indexOf(']');
    const rest = to.slice(end + 1);
    return { addr: to.slice(1, end), ...(rest.startsWith(':') ? { port: portOf(rest.slice(1)) } : {}) };
  }
  const colon = to.indexOf(':');
  if (colon < 0 || to.includes(':', colon + 1)) return { addr: to };
  const port = { port: portOf(to.slice(colon + 1)) };
  return colon === 0 ? port : { addr: to.slice(0, colon), ...port };
}

function portOf(text: string): unknown {
  const ends = text.split('-');
  return ends.length === 2 ? { range: ends } : text;
}

function readPortNat(cursor: Cursor): Statement | undefined {
  const kind = cursor.next()?.text as string;
  let port: unknown;
  if (cursor.accept('to')) {
    const to = String(readScalar(cursor) ?? '');
    if (!to.startsWith(':')) return undefined;
    port = portOf(to.slice(1));
  }
  skipNatFlags(cursor);
  return { [kind]: port === undefined ? null : { port } };
}

function readQueue(cursor: Cursor): Statement {
  cursor.at++;
  const own = /^(num|to|flags|bypass|fanout|,|[0-9-]+)$/;
  while (own.test(cursor.word() ?? '')) cursor.at++;
  return { queue: null };
}

/** `add @seen { ip saddr timeout 1h limit rate 10/second }` */
function readSetChange(cursor: Cursor): Statement | undefined {
  const op = cursor.next()?.text;
  const set = cursor.word();
  if (set === undefined || !set.startsWith('@')) return undefined;
  cursor.at++;
  if (!cursor.accept('{')) return undefined;
  const start = cursor.at;
  if (!cursor.skipBraces()) return undefined;
  const asks = cursor.since(start).some(({ text, quoted }) => !quoted && ['limit', 'quota', 'count'].includes(text));
  return { set: { op, set, ...(asks ? { stmt: [{ limit: {} }] } : {}) } };
}

/** `xt match "set"`, `xt target CT`: an iptables extension that nft cannot show. */
function readXt(cursor: Cursor): Statement | undefined {
  const [type, name] = [cursor.word(1), cursor.peek(2)?.text];
  if ((type !== 'match' && type !== 'target') || name === undefined) return undefined;
  cursor.at += 3;
  return { xt: { type, name } };
}

/** `tcp option maxseg size set rt mtu`; other uses of an option are conditions that are not understood. */
function readTcpOption(cursor: Cursor): Statement | undefined {
  const set = [4, 5].find((ahead) => cursor.word(ahead) === 'set');
  if (set === undefined) return undefined;
  cursor.at += set + 1;
  if (cursor.accept('rt')) cursor.at++;
  else cursor.at++;
  return { mangle: { key: { 'tcp option': {} }, value: null } };
}

function readSetting(cursor: Cursor): Statement | undefined {
  const key = readPrimary(cursor);
  if (key === undefined || !cursor.accept('set')) {
    // `ct helper set "ftp"`, `ct zone set 1`
    return undefined;
  }
  return readValueSet(cursor, key);
}

function readValueSet(cursor: Cursor, key: Expression): Statement | undefined {
  const value = readComputed(cursor);
  return value === undefined ? undefined : { mangle: { key, value } };
}

const operators: Readonly<Record<string, string>> = { '&': '&', and: '&', '|': '|', or: '|', '^': '^', xor: '^' };

/** `meta mark & 0xffffff00 ^ 0x12`: applied from the left, as nft and iptables write them. */
function readComputed(cursor: Cursor): Expression | undefined {
  let made: Expression | undefined = readPrimary(cursor) ?? readScalar(cursor);
  for (;;) {
    const word = cursor.word();
    const operator = word !== undefined && Object.hasOwn(operators, word) ? operators[word] : undefined;
    if (made === undefined || operator === undefined) return made;
    cursor.at++;
    const operand = readScalar(cursor);
    made = operand === undefined ? undefined : { [operator]: [made, operand] };
  }
}

function readMatch(cursor: Cursor): Statement | undefined {
  const start = cursor.at;
  const left = readLeft(cursor);
  if (left === undefined) return undefined;
  if (cursor.accept('set')) return readValueSet(cursor, left);
  if (cursor.accept('vmap')) return readVmap(cursor, left);
  const comparison = readComparison(cursor);
  if (cursor.word() === '/') return oldFlags(cursor, start, left);
  if (comparison === undefined) return undefined;
  return { match: { op: implicit(comparison.op, left, comparison.right), left, right: comparison.right } };
}

/** Without a sign nft means the bits of a set of flags, and equality of everything else. */
function implicit(op: string, left: Expression, right: Expression): string {
  if (op !== 'in' || (typeof right === 'object' && 'set' in right)) return op === 'in' ? '==' : op;
  return isOfBits(left) ? 'in' : '==';
}

/** `ct state`, `ct status` of no direction; a header's flags, also as a part of what is asked. */
function isOfBits(left: Expression): boolean {
  const [kind, inside] = onlyEntry(left) ?? [];
  if (kind !== 'ct' || !isObject(inside)) return hasFlags(left);
  return inside['dir'] === undefined && (inside['key'] === 'state' || inside['key'] === 'status');
}

function hasFlags(left: unknown): boolean {
  if (Array.isArray(left)) return left.some(hasFlags);
  const [kind, inside] = onlyEntry(left) ?? [];
  if (kind === 'payload') return isObject(inside) && inside['field'] === 'flags';
  return (kind === '&' || kind === 'concat') && hasFlags(inside);
}

/** `tcp flags syn / fin,syn,rst,ack`, `tcp flags != syn / …`: how nft up to 1.0 writes a mask. */
function oldFlags(cursor: Cursor, start: number, left: Expression): Statement | undefined {
  cursor.at = start + 2;
  const not = cursor.accept('!=');
  const value = flagList(cursor);
  if (value === undefined || !cursor.accept('/')) return undefined;
  const mask = flagList(cursor);
  if (mask === undefined) return undefined;
  return { match: { op: not ? '!=' : '==', left: { '&': [left, { '|': mask }] }, right: { '|': value } } };
}

function flagList(cursor: Cursor): readonly Expression[] | undefined {
  const flags: Expression[] = [];
  do {
    const flag = readScalar(cursor);
    if (flag === undefined) return undefined;
    flags.push(flag);
  } while (cursor.accept(','));
  return flags;
}

function readVmap(cursor: Cursor, key: Expression): Statement | undefined {
  const name = cursor.word();
  if (name?.startsWith('@') === true) {
    cursor.at++;
    return { vmap: { key, data: name } };
  }
  if (!cursor.accept('{')) return undefined;
  const data = readSetOf(cursor, readMapElement);
  return data === undefined ? undefined : { vmap: { key, data } };
}

/** `10.0.0.1 : jump chain`, `80 : 10.0.0.9` */
export function readMapElement(cursor: Cursor): Expression | undefined {
  const key = readElement(cursor);
  if (key === undefined || !cursor.accept(':')) return undefined;
  const word = cursor.word();
  if (word === 'jump' || word === 'goto') {
    cursor.at++;
    const target = cursor.next()?.text;
    return target === undefined ? undefined : [key, { [word]: { target } }];
  }
  const value = readConcat(cursor);
  if (value === undefined) return undefined;
  const verdict = typeof value === 'string' && ['accept', 'drop', 'return', 'continue'].includes(value);
  return [key, verdict ? { [value]: null } : value];
}
