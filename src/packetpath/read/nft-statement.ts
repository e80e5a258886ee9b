import { type Address, parseAddress } from '../../ip/address.ts';
import type { Action, Ports, Step, TableFamily, Verdict, VerdictEntry } from '../model.ts';
import { type Asked, readFields } from './nft-field.ts';
import { asList, asText, isObject, type JsonObject, onlyEntry } from './nft-item.ts';
import { readMark } from './nft-mark.ts';
import { readMaskedWords, readMatch, readTuple, setNamed, timed } from './nft-match.ts';
import { condition, parsePorts, unknownCondition } from './values.ts';
import { harmless } from './xt-target.ts';

/** What nft's statements do (nft(8); net/netfilter/nft_*.c). */

const action = (what: Action): Step => ({ kind: 'action', action: what });
const verdict = (what: Verdict): Step => ({ kind: 'verdict', verdict: what });
const other = (text: string, certain: boolean): Step => action({ kind: 'other', text, certain });

const counts: readonly Step[] = [action({ kind: 'count' })];

/** What a reader of rules has to know beside the statement. */
export interface NftContext {
  readonly family: TableFamily;
  /** The text of the statement for people. */
  readonly text: () => string;
}

/** The steps of one statement. */
export function readStatement(statement: unknown, context: NftContext): readonly Step[] {
  const [kind, inside] = typeof statement === 'string' ? [statement, null] : (onlyEntry(statement) ?? ['', null]);
  const { text } = context;
  switch (kind) {
    case 'match': {
      if (!isObject(inside)) break;
      const read = readMatch(inside, context.family) ?? readMaskedWords(inside);
      if (read !== undefined) return [read];
      return [timed(inside['left']) ? condition({ kind: 'depends', on: text() }) : unknownCondition(text())];
    }
    case 'vmap':
      return [(isObject(inside) ? readVmap(inside, context) : undefined) ?? verdict({ kind: 'unknown', text: text() })];
    case 'counter':
      return counts;
    case 'log':
      return [action({ kind: 'log' })];
    case 'notrack':
      return [action({ kind: 'notrack' })];
    case 'limit':
    case 'quota':
    case 'ct count':
    case 'connlimit':
    case 'last':
    case 'meter':
      return kind === 'last' ? [] : [condition({ kind: 'depends', on: text() })];
    case 'mangle':
      return [isObject(inside) ? readMangle(inside, text) : other(text(), false)];
    case 'dnat':
    case 'snat':
      return [action({ kind, to: readNat(inside, text) }), verdict({ kind: 'accept' })];
    case 'masquerade':
    case 'redirect':
      return [translatePorts(kind, inside, text), verdict({ kind: 'accept' })];
    case 'reject':
      return [verdict({ kind: 'reject', with: rejectWith(inside, context.family) })];
    case 'queue':
      return [verdict({ kind: 'queue' })];
    case 'set':
    case 'map':
      return readSetStatement(inside, text);
    case 'ct helper':
    case 'ct timeout':
    case 'ct expectation':
    case 'secmark':
    case 'dup':
      return [other(text(), true)];
    case 'flow':
      return [other(text(), false)];
    default: {
      const read = readVerdict(statement);
      if (read !== undefined) return [verdict(read)];
    }
  }
  return strange(statement, text());
}

/** A statement that is not understood may end the packet's walk, unless others of its rule follow it. */
function strange(statement: unknown, text: string): readonly Step[] {
  const [kind, inside] = onlyEntry(statement) ?? [];
  if (isObject(statement) && statement['strange'] === 'condition') return [unknownCondition(text)];
  if (kind === 'xt' && isObject(inside) && inside['type'] === 'match') return [unknownCondition(text)];
  // ipset's target, of which nft tells nothing more: it may give the packet a mark, and goes on
  if (kind === 'xt' && isObject(inside) && inside['name'] === 'SET')
    return [action({ kind: 'map-mark', fields: [{ field: 'other' }], set: null })];
  if (kind === 'xt' && isObject(inside) && harmless.has(asText(inside['name']))) return [other(text, true)];
  return [verdict({ kind: 'unknown', text })];
}

/** `accept`, `{ "jump": { "target": "chain" } }` */
export function readVerdict(statement: unknown): Verdict | undefined {
  const [kind, inside] = typeof statement === 'string' ? [statement, null] : (onlyEntry(statement) ?? []);
  switch (kind) {
    case 'accept':
    case 'drop':
    case 'return':
    case 'continue':
      return { kind };
    case 'jump':
    case 'goto': {
      const chain = isObject(inside) ? inside['target'] : undefined;
      return typeof chain === 'string' ? { kind, chain } : undefined;
    }
    default:
      return undefined;
  }
}

function readVmap({ key, data }: JsonObject, { family }: NftContext): Step | undefined {
  const fields = readFields(key, family) ?? byChance(key);
  if (fields === undefined) return undefined;
  const refs = fields.map(({ ref }) => ref);
  const named = setNamed(data);
  if (named !== undefined) return { kind: 'vmap', fields: refs, entries: named };
  if (!isObject(data) || !('set' in data)) return undefined;
  const entries: VerdictEntry[] = [];
  for (const pair of asList(data['set'])) {
    const [from, to] = asList(pair);
    const tuple = readTuple(from, fields);
    const read = readVerdict(to);
    if (tuple === undefined || read === undefined) return undefined;
    entries.push({ key: tuple, verdict: read });
  }
  return { kind: 'vmap', fields: refs, entries };
}

/** `numgen random mod 3 vmap { 0 : … }`, by which kube-proxy spreads: any of its entries. */
function byChance(key: unknown): readonly Asked[] | undefined {
  return onlyEntry(key)?.[0] === 'numgen' ? [{ field: 'other', ref: { field: 'other' } }] : undefined;
}

/** `meta mark set …` and what else can be set of a packet. */
function readMangle({ key, value }: JsonObject, text: () => string): Step {
  const mark = readMark(key, value);
  if (mark !== undefined) return action(mark);
  const [kind, inside] = onlyEntry(key) ?? [];
  const name = isObject(inside) ? inside['key'] : undefined;
  if (kind === 'meta' && name === 'nftrace') return action({ kind: 'trace' });
  const decidesNothing =
    (kind === 'meta' && name === 'priority') ||
    kind === 'tcp option' ||
    (kind === 'payload' &&
      isObject(inside) &&
      ['dscp', 'ecn', 'ttl', 'hoplimit', 'checksum'].includes(asText(inside['field']))) ||
    (kind === 'ct' && (name === 'label' || name === 'event' || name === 'helper'));
  return other(text(), decidesNothing);
}

function readNat(
  inside: unknown,
  text: () => string,
): { readonly address: Address | null; readonly ports: Ports | null; readonly text: string } {
  const nothing = { address: null, ports: null, text: text() };
  if (!isObject(inside)) return nothing;
  const { addr, port } = inside;
  const address = addr === undefined ? null : typeof addr === 'string' ? parseAddress(addr) : undefined;
  const ports = port === undefined ? null : readPorts(port);
  if (address === undefined || ports === undefined || (addr === undefined && port === undefined)) return nothing;
  return { address, ports, text: text() };
}

function readPorts(port: unknown): Ports | undefined {
  const ends = isObject(port) && Array.isArray(port['range']) ? port['range'].join('-') : asText(port);
  return isObject(port) && !('range' in port) ? undefined : parsePorts(ends, '-');
}

function translatePorts(kind: 'masquerade' | 'redirect', inside: unknown, text: () => string): Step {
  const port = isObject(inside) ? inside['port'] : undefined;
  const ports = port === undefined ? null : readPorts(port);
  return ports === undefined ? other(text(), false) : action({ kind, ports });
}

/** Without words: the unreachable port, by ICMP of the packet's family. */
function rejectWith(inside: unknown, family: TableFamily): string {
  if (!isObject(inside) || inside['type'] === undefined) {
    return family === 'ip'
      ? 'icmp port-unreachable'
      : family === 'ip6'
        ? 'icmpv6 port-unreachable'
        : 'icmpx port-unreachable';
  }
  const { type, expr } = inside;
  return expr === undefined ? asText(type) : `${asText(type)} ${asText(expr)}`;
}

/** `add @seen { ip saddr limit rate … }`: what it asks on the way is a condition. */
function readSetStatement(inside: unknown, text: () => string): readonly Step[] {
  const asks =
    isObject(inside) && asList(inside['stmt'] ?? []).some((one) => !('counter' in (isObject(one) ? one : {})));
  return asks ? [condition({ kind: 'depends', on: text() })] : [other(text(), true)];
}
