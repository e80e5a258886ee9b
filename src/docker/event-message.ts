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
