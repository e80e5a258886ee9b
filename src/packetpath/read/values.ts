import { type Family, maxValue, parseAddress } from '../../ip/address.ts';
import type { Condition, Field, FieldRef, Nat, Place, Ports, Rule, Step, Tuple, Value } from '../model.ts';
import { servicePort } from './words.ts';

/** Making values and steps of the model, and reading the pieces of text that every form of listing shares. */

export const word = (text: string): Value => ({ kind: 'word', word: text });

/** A closed range of numbers, addresses or MACs; of one value when the second is left out. */
export function range(low: bigint | number, high: bigint | number = low): Value {
  return { kind: 'range', low: BigInt(low), high: BigInt(high) };
}

export const condition = (what: Condition): Step => ({ kind: 'condition', condition: what });

/** A condition of which only the text is known: it is never judged, and never dropped. */
export const unknownCondition = (text: string): Step => condition({ kind: 'unknown', text });

/** A rule that cannot be read, in its place: it may let by, accept or stop whatever comes to it. */
export function unreadRule(text: string, place: Place): Rule {
  const verdict = { kind: 'unknown', text: 'of a line that cannot be read' } as const;
  return { place, text, comment: null, counted: null, steps: [{ kind: 'verdict', verdict }], lost: [] };
}

/** A condition on one field: whether it is (with `not`, is not) one of the values. */
export function among(field: FieldRef | Field, values: readonly Value[], not = false): Step {
  const ref = typeof field === 'string' ? { field } : field;
  return condition({ kind: 'among', fields: [ref], not, values: values.map((value): Tuple => [value]) });
}

/** `eth0`, or `veth+` and `veth*` for every name that begins so. */
export function interfaceValue(name: string, wildcard: '+' | '*'): Value {
  return name.endsWith(wildcard) ? { kind: 'prefix', prefix: name.slice(0, -1) } : word(name);
}

/** A number in digits or `0x…`; no sign, no other base. */
export function parseNumber(text: string): bigint | undefined {
  return /^(0x[0-9a-f]{1,32}|[0-9]{1,39})$/i.test(text) ? BigInt(text) : undefined;
}

/** A number that fits a port, from its digits. */
export function parsePort(text: string): number | undefined {
  return /^[0-9]{1,5}$/.test(text) && Number(text) <= 65535 ? Number(text) : undefined;
}

/** `80`, `http`, or `80:90` with the separator between the ends; a missing end is the lowest or highest. */
export function parsePorts(text: string, separator: ':' | '-'): Ports | undefined {
  const named = servicePort(text);
  if (named !== undefined) return { low: named, high: named };
  const at = text.indexOf(separator);
  const low = at < 0 ? parsePort(text) : at === 0 ? 0 : parsePort(text.slice(0, at));
  const high = at < 0 ? low : at === text.length - 1 ? 65535 : parsePort(text.slice(at + 1));
  return low === undefined || high === undefined || low > high || text === separator ? undefined : { low, high };
}

/** A field and the values it must have; `mask` where the prefix's mask has gaps. */
export interface Masked {
  readonly values: readonly Value[];
  readonly mask?: bigint;
}

/** `10.0.0.0/8`, `10.0.0.1`, `fd00::/8`, `10.0.0.0/255.0.255.0`; undefined unless it is one of the family. */
export function parseNetwork(text: string, family: Family): Masked | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address?.family !== family) return undefined;
  const mask = slash < 0 ? maxValue(family) : parseMask(text.slice(slash + 1), family);
  if (mask === undefined) return undefined;
  const host = maxValue(family) ^ mask;
  const low = address.value & mask;
  // a mask without gaps leaves host bits that are one less than a power of two
  if ((host & (host + 1n)) === 0n) return { values: [range(low, low | host)] };
  return { values: [range(low)], mask };
}

function parseMask(text: string, family: Family): bigint | undefined {
  if (/^(0|[1-9][0-9]{0,2})$/.test(text)) {
    const width = family === 4 ? 32 : 128;
    return Number(text) > width ? undefined : maxValue(family) ^ (maxValue(family) >> BigInt(text));
  }
  const mask = parseAddress(text);
  return mask?.family === family ? mask.value : undefined;
}

/** `a-b`, two addresses of a family, or one of them alone. */
export function parseAddressRange(text: string, family: Family): Value | undefined {
  const [first = '', second = first, ...more] = text.split('-');
  const low = parseAddress(first);
  const high = parseAddress(second);
  if (low?.family !== family || high?.family !== family || more.length > 0 || low.value > high.value) return undefined;
  return range(low.value, high.value);
}

/** `02:42:ac:11:00:02` as a number. */
export function parseMac(text: string): bigint | undefined {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text) ? BigInt(`0x${text.replaceAll(':', '')}`) : undefined;
}

/** `10.0.0.2:80`, `[fd00::2]:80-90`, `:53`, an address alone; what cannot be held is in the text only. */
export function parseNat(text: string): Nat {
  const whole = parseAddress(text);
  if (whole !== undefined) return { address: whole, ports: null, text };
  const colon = text.lastIndexOf(':');
  const bracketed = text.startsWith('[') && text.endsWith(']');
  const host = bracketed ? text : text.slice(0, Math.max(colon, 0));
  const address = host === '' ? null : parseAddress(host.startsWith('[') ? host.slice(1, -1) : host);
  const ports = bracketed ? null : parsePorts(text.slice(colon + 1), '-');
  const readable = address !== undefined && ports !== undefined && (colon >= 0 || bracketed);
  return readable ? { address, ports, text } : { address: null, ports: null, text };
}
