import type { Action, Field, FieldRef } from '../model.ts';
import type { IpsetPart } from './ipset-kind.ts';
import { condition } from './values.ts';
import type { Option, Understood, XtContext } from './xt-option.ts';

/** `-m set [!] --match-set NAME src,dst`: which fields are asked is up to the set's type and the directions. */
export function readSetMatch(options: readonly Option[], { ipsets }: XtContext): Understood {
  const match = options.find(({ name }) => name === '--match-set');
  const [name, directions] = match?.args ?? [];
  // that the set's counters are not touched changes nothing for the packet
  const more = options.filter((option) => option !== match && !(option.not && option.name.startsWith('--update-')));
  if (match === undefined || name === undefined || directions === undefined || more.length > 0) return undefined;
  const sides = directions.split(',');
  if (!sides.every((side) => side === 'src' || side === 'dst')) return undefined;
  const fields = fieldsOf(ipsets.get(name)?.parts ?? null, sides);
  return [condition({ kind: 'among', fields, not: match.not, values: { set: name } })];
}

/** What `-j SET` does with sets. */
export interface SetTarget {
  /** Sets that packets are added to or taken from. */
  readonly fed: readonly string[];
  /** `--map-set NAME src,src`, of which the packet gets what its element carries. */
  readonly mapped: { readonly name: string; readonly sides: string } | null;
  /** Whether that is a mark, and not only a priority or a queue. */
  readonly marks: boolean;
}

/** Reads the options of `-j SET`, with their dashes or, as `iptables -L` prints them, without; undefined: others. */
export function readSetTarget(options: readonly Option[]): SetTarget | undefined {
  const words = options.flatMap(({ text }) => text.split(/[ \t]+/)).filter((word) => word !== '');
  const fed: string[] = [];
  let mapped: SetTarget['mapped'] = null;
  let marks = false;
  for (let at = 0; at < words.length; at++) {
    switch (words[at]?.replace(/^--/, '')) {
      case 'add-set':
      case 'del-set':
        fed.push(words[at + 1] ?? '');
        at += 2;
        break;
      case 'map-set':
        if (mapped !== null) return undefined;
        mapped = { name: words[at + 1] ?? '', sides: words[at + 2] ?? '' };
        at += 2;
        break;
      case 'map-mark':
        marks = true;
        break;
      case 'timeout':
        at++;
        break;
      case 'exist':
      case 'map-prio':
      case 'map-queue':
        break;
      default:
        return undefined;
    }
  }
  return { fed, mapped, marks };
}

/** What `--map-set` makes of a packet that a verdict could hang on; undefined: nothing. */
export function readMapped({ mapped, marks }: SetTarget, { ipsets }: XtContext): Action | undefined {
  if (mapped === null || !marks) return undefined;
  const sides = mapped.sides.split(',');
  const isRead = sides.every((side) => side === 'src' || side === 'dst');
  const fields = fieldsOf(isRead ? (ipsets.get(mapped.name)?.parts ?? null) : null, sides);
  return { kind: 'map-mark', fields, set: mapped.name };
}

/** What a packet is asked for, by the parts of a set's elements and `src` or `dst` for each (ipset(8)). */
function fieldsOf(parts: readonly IpsetPart[] | null, sides: readonly string[]): readonly FieldRef[] {
  if (parts === null || sides.length < parts.length) return [{ field: 'other' }];
  return parts.flatMap((part, index) => {
    const source = sides[index] === 'src';
    return partFields(part, source).map((field): FieldRef => ({ field }));
  });
}

/** The fields of one part of an element, as the source side or the destination side has it. */
export function partFields(part: IpsetPart, source: boolean): readonly Field[] {
  switch (part) {
    case 'ip':
    case 'net':
      return [source ? 'saddr' : 'daddr'];
    case 'port':
      return ['l4proto', source ? 'sport' : 'dport'];
    case 'mac':
      return [source ? 'ether saddr' : 'ether daddr'];
    case 'iface':
      return [source ? 'iifname' : 'oifname'];
    case 'mark':
      return ['mark'];
  }
}
