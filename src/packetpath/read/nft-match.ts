import { bits } from '../../ip/address.ts';
import type { Condition, Field, Step, TableFamily, Tuple, Value } from '../model.ts';
import { type Asked, readField, readFields } from './nft-field.ts';
import { asList, asText, isObject, type JsonObject, onlyEntry } from './nft-item.ts';
import { readBits, readValue } from './nft-value.ts';
import { condition, range } from './values.ts';

/** The condition of a `match`; undefined: not understood. */
export function readMatch(match: JsonObject, family: TableFamily): Step | undefined {
  const { op, left, right } = match;
  const version = readVersion(match, family);
  if (version !== undefined) return version;
  if (timed(left)) return undefined;
  if (isOfExtension(left))
    return condition({ kind: 'among', fields: [{ field: 'exthdr' }], not: op === '!=', values: [] });
  const fields = readFields(left, family);
  if (fields === undefined || typeof op !== 'string') return undefined;
  const [first, ...more] = fields;
  if (more.length === 0 && (first.field === 'ct state' || first.field === 'ct status'))
    return readWords(op, first, right);
  if (more.length === 0 && first.field === 'tcp flags' && !isSet(right)) return readFlags(op, first, right);
  if (op === '<' || op === '>' || op === '<=' || op === '>=')
    return more.length === 0 ? compared(op, first, right) : undefined;
  if (op !== '==' && op !== '!=' && op !== 'in') return undefined;
  const refs = fields.map(({ ref }) => ref);
  const values = setNamed(right) ?? readTuples(right, fields);
  if (values === undefined) return undefined;
  return condition({ kind: 'among', fields: refs, not: op === '!=', values });
}

/** `ip version 4`, `ip6 version 6`, as LXD and Incus ask: true of every packet of that family. */
function readVersion({ op, left, right }: JsonObject, family: TableFamily): Step | undefined {
  const [kind, inside] = onlyEntry(left) ?? [];
  if (kind !== 'payload' || op !== '==' || !isObject(inside) || inside['field'] !== 'version') return undefined;
  const isFour = inside['protocol'] === 'ip' && right === 4;
  if (!isFour && (inside['protocol'] !== 'ip6' || right !== 6)) return undefined;
  const field = family === 'bridge' || family === 'netdev' ? 'ether type' : 'nfproto';
  // linux/if_ether.h, ETH_P_*; uapi/linux/netfilter.h, NFPROTO_*
  const value = field === 'nfproto' ? (isFour ? 2 : 10) : isFour ? 0x0800 : 0x86dd;
  return condition({ kind: 'among', fields: [{ field }], not: false, values: [[range(value)]] });
}

/** `frag nexthdr …`, `rt type …`: of a packet without that header it does not hold, whatever it asks (nft_exthdr.c). */
function isOfExtension(left: unknown): boolean {
  const [kind, inside] = onlyEntry(left) ?? [];
  return kind === 'exthdr' && isObject(inside) && typeof inside['field'] === 'string';
}

/** What is asked of the clock, of chance or of a load that has been: true whatever its value. */
export function timed(expression: unknown): boolean {
  const [kind, inside] = onlyEntry(expression) ?? [];
  if (kind === '&' || kind === '|' || kind === '^') return asList(inside).some(timed);
  if (kind === 'numgen') return true;
  const key = isObject(inside) ? inside['key'] : undefined;
  if (kind === 'ct') return key === 'packets' || key === 'bytes' || key === 'avgpkt' || key === 'expiration';
  return kind === 'meta' && ['time', 'hour', 'day', 'random', 'cpu'].includes(asText(key));
}

/** `@name`, as nft writes a set that stands elsewhere, in text and in JSON. */
export function setNamed(value: unknown): { readonly set: string } | undefined {
  return typeof value === 'string' && value.startsWith('@') ? { set: value.slice(1) } : undefined;
}

const isSet = (value: unknown): value is { readonly set: unknown } => isObject(value) && 'set' in value;

function readTuples(right: unknown, fields: readonly Asked[]): readonly Tuple[] | undefined {
  const members = isSet(right) ? asList(right.set) : [right];
  const tuples = members.map((member) => readTuple(member, fields));
  return tuples.every((tuple) => tuple !== undefined) ? tuples : undefined;
}

/** One element's key, a value for each of the fields. */
export function readTuple(member: unknown, fields: readonly Asked[]): Tuple | undefined {
  const inside = isObject(member) && isObject(member['elem']) ? member['elem']['val'] : member;
  const parts = isObject(inside) && 'concat' in inside ? asList(inside['concat']) : [inside];
  if (parts.length !== fields.length) return undefined;
  const values = parts.map((part, index) => readValue(part, fields[index] as Asked));
  return values.every((value): value is Value => value !== undefined) ? values : undefined;
}

/** The highest value of a field that can be compared by size. */
const highest: Partial<Record<Field, bigint>> = {
  sport: 0xffffn,
  dport: 0xffffn,
  'ct original dport': 0xffffn,
  ttl: 0xffn,
  l4proto: 0xffn,
  'icmp type': 0xffn,
  'icmp code': 0xffn,
  'ether type': 0xffffn,
  mark: 0xffffffffn,
  'ct mark': 0xffffffffn,
  skuid: 0xffffffffn,
};

function compared(op: '<' | '>' | '<=' | '>=', asked: Asked, right: unknown): Step | undefined {
  const value = readValue(right, asked);
  const family = asked.ref.only?.family;
  const top = highest[asked.field] ?? (family === undefined ? undefined : (1n << BigInt(bits(family))) - 1n);
  if (value?.kind !== 'range' || value.low !== value.high || top === undefined) return undefined;
  const edge = value.low;
  const [low, high] =
    op === '<' ? [0n, edge - 1n] : op === '<=' ? [0n, edge] : op === '>' ? [edge + 1n, top] : [edge, top];
  if (low > high) return undefined; // never true, which nft does not write
  return condition({ kind: 'among', fields: [asked.ref], not: false, values: [[range(low, high)]] });
}

/** `ct state established,related`: any of them; a state is one bit, a status many (uapi/linux/netfilter/nf_conntrack_common.h). */
function readWords(op: string, asked: Asked, right: unknown): Step | undefined {
  const { field } = asked;
  if (asked.ref.mask !== undefined) return undefined;
  const listed = isSet(right)
    ? asList(right.set)
    : isObject(right) && '|' in right
      ? asList(right['|'])
      : asList(right);
  const words: string[] = [];
  for (const one of listed) {
    if (typeof one !== 'string' || !/^[a-z-]+$/.test(one)) return undefined;
    words.push(one);
  }
  const single = field === 'ct state' && (isSet(right) || words.length === 1);
  const any = (not: boolean): Step => condition({ kind: 'any-of', field: { field }, not, words });
  if (words.length === 0) return undefined;
  if (op === 'in' || (op === '==' && single)) return any(false);
  if (op === '!' || (op === '!=' && single)) return any(true);
  return undefined;
}

/** `ct state & (established | related) == 0` */
export function readMaskedWords(match: JsonObject): Step | undefined {
  const [kind, inside] = onlyEntry(match['left']) ?? [];
  if (kind !== '&' || match['right'] !== 0) return undefined;
  const [of, mask] = asList(inside);
  const asked = readField(of, 'inet');
  if (asked === undefined || (asked.field !== 'ct state' && asked.field !== 'ct status')) return undefined;
  return readWords(match['op'] === '==' ? '!' : match['op'] === '!=' ? 'in' : '', asked, mask);
}

/** `tcp flags syn`: that bit and any others; with `==` and `!=` exactly those. */
function readFlags(op: string, { ref }: Asked, right: unknown): Step | undefined {
  const value = readBits(right, 'tcp flags');
  if (value === undefined) return undefined;
  const among = (mask: bigint | undefined, wanted: bigint, not: boolean): Condition => ({
    kind: 'among',
    fields: [mask === undefined ? ref : { ...ref, mask }],
    not,
    values: [[range(wanted)]],
  });
  if (op === '==' || op === '!=') return condition(among(ref.mask, value, op === '!='));
  if (ref.mask !== undefined) return undefined;
  if (op === 'in') return condition(among(value, 0n, true));
  return op === '!' ? condition(among(value, 0n, false)) : undefined;
}
