import * as z from 'zod';
import type { EngineEvent } from './events.ts';

const actor = z.object({
  ID: z.string().max(128),
  // a custom check: z.record drops a key called "__proto__", and a container's labels are among its attributes
  Attributes: z.custom<Record<string, unknown> | null>((value) => typeof value === 'object').nullish(),
});
const message = z.object({ Type: z.string(), Action: z.string(), Actor: actor, timeNano: z.bigint() });

/**
 * Reads one message of `GET /events`, API 1.22 and later, in any of its forms: JSON lines, or RFC 7464 with a record
 * separator before each.
 *
 * Only the ids and the action are believed. An attribute of a container's event is what its label says where a label is
 * called the same (moby, daemon/events.go); `container` of a network's event is the engine's own.
 *
 * @returns undefined for a message that is about something else, null for one that cannot be read
 */
export function readEvent(line: string): EngineEvent | undefined | null {
  const text = line.replace(/^\x1e/, '').trim();
  if (text === '') return undefined; // what keeps a connection alive
  const result = message.safeParse(parse(text));
  if (!result.success) return null;
  const { Type, Action: action, Actor, timeNano: at } = result.data;
  if (Type === 'container') return isId(Actor.ID) ? { kind: 'container', action, container: Actor.ID, at } : null;
  if (Type !== 'network') return undefined;
  const container = Actor.Attributes?.['container'];
  return { kind: 'network', action, network: Actor.ID, container: isId(container) ? container : null, at };
}

/** What an engine writes before the labels (moby, api/types/events, Message), in this order. */
const head = /"Type":"([a-z]+)","Action":"([a-z_: ]+)","Actor":\{"ID":"([0-9a-f]{64})","Attributes":/;

/**
 * Whether of a message that begins so no more than its end is needed. Whom a network's event is about stands in the
 * middle of it.
 */
export function isReadByItsEnds(beginning: string): boolean {
  return head.exec(beginning)?.[1] === 'container';
}

/**
 * The same of a message of which only the beginning and the end are known, for its labels are long: what stands before them, and the
 * time behind. No text of somebody's can look like it, as its quotes are escaped.
 */
export function readLongEvent(beginning: string, end: string): EngineEvent | undefined | null {
  const said = head.exec(beginning);
  const time = /"timeNano":([0-9]{1,19})\}\s*$/.exec(end);
  if (said === null || time === null) return null;
  const [, type, action = '', id = ''] = said;
  const at = BigInt(time[1] as string);
  if (type === 'container') return { kind: 'container', action, container: id, at };
  // whom a network's event is about stands among what was let go
  return type === 'network' ? null : undefined;
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

/** JSON, with the time in nanoseconds as a bigint: a number would lose the last digits. */
function parse(text: string): unknown {
  const exact = (key: string, value: unknown, { source }: { source?: string } = {}) =>
    key === 'timeNano' && typeof value === 'number' ? BigInt(source ?? value) : value;
  try {
    return JSON.parse(text, exact);
  } catch {
    return undefined;
  }
}
