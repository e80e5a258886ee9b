/** Taking apart what `nft -j` answers, piece by piece; whatever is not as expected is an error that says where. */

/** The kernel holds something in our tables that Sluice does not write, or nft words it in a way we do not know. */
export class ListingError extends Error {
  override readonly name = 'ListingError';
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A piece of an answer for people, short, in printable ASCII: it may come from anybody who can write rules. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  const printable = text.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return printable.length > 160 ? `${printable.slice(0, 160)}…` : printable;
}

/** Throws for what we do not know, in a way that `located` completes. */
export function unknown(what: string, value: unknown): never {
  throw new ListingError(`${what}: ${shown(value)}`);
}

/** Puts the place in front of errors from `read`. */
export function located<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ListingError) throw new ListingError(`${place}: ${error.message}`);
    throw error;
  }
}

/** The single key and its value of an object such as `{ "accept": null }`. */
export function onlyEntry(what: string, value: unknown): readonly [string, unknown] {
  const entries = isObject(value) ? Object.entries(value) : [];
  const [entry] = entries;
  return entry !== undefined && entries.length === 1 ? entry : unknown(what, value);
}

/** An object that has no other keys than these. */
export function objectWith(what: string, value: unknown, keys: readonly string[]): JsonObject {
  if (!isObject(value)) return unknown(what, value);
  const stranger = Object.keys(value).find((key) => !keys.includes(key));
  return stranger === undefined ? value : unknown(`${what} with ${shown(stranger)}`, value[stranger]);
}

/** A text of an answer. @throws ListingError that names `what`, as those below do */
export function text(what: string, value: unknown): string {
  return typeof value === 'string' ? value : unknown(what, value);
}

/** A whole number of an answer. */
export function integer(what: string, value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) ? value : unknown(what, value);
}

/** A list of an answer, whatever is in it. */
export function list(what: string, value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : unknown(what, value);
}
