import { join } from 'node:path';
import type { StateFiles } from './files.ts';
import { currentFormat, decodeRecord, encodeRecord, type Record } from './record.ts';
import { UnsyncedError } from './replace.ts';

/** One file of the state: what changes together, so that what changes often stays small. */
export interface Part<T> {
  /** Its name in the state directory. */
  readonly name: string;
  encode(value: T): string;
  /**
   * @param format of the body; the current one, or an older one that this part has had
   * @throws any error for a body that does not say what it should
   */
  decode(body: string, format: number): T;
  /** The whole file where it is not a record of JSON. */
  readonly file?: { readonly encode: (value: T) => string; readonly decode: (text: string) => Record };
}

export type Reading<T> =
  | { readonly kind: 'good'; readonly value: T; readonly format: number }
  | { readonly kind: 'none' }
  /** There is something that must not be believed; `reason` says what, with its path. */
  | { readonly kind: 'broken' | 'newer'; readonly reason: string };

/** Something in the state directory that is not as it should be; the message is for people. */
export class StateError extends Error {
  override readonly name = 'StateError';
}

/** Bytes; a ruleset of 1,000 workloads with 100 destinations each has a tenth of it. */
const limit = 512 * 1024 * 1024;

/** Where a part is kept, in the state directory. */
export function pathOf(directory: string, part: Pick<Part<unknown>, 'name'>): string {
  return join(directory, part.name);
}

/** Reads a part and believes nothing that cannot be verified. Changes nothing, and never throws. */
export async function readPart<T>(directory: string, part: Part<T>, files: StateFiles): Promise<Reading<T>> {
  const path = pathOf(directory, part);
  let text: string;
  try {
    ({ text } = await files.read(path, limit));
  } catch (error) {
    if (isAbsent(error)) return { kind: 'none' };
    return { kind: 'broken', reason: `${path} cannot be read (${messageOf(error)})` };
  }
  const record = (part.file?.decode ?? decodeRecord)(text);
  if (record.kind === 'newer') return { kind: 'newer', reason: `${path} is of a newer version of Sluice` };
  if (record.kind === 'damaged') return { kind: 'broken', reason: `${path} is damaged` };
  try {
    return { kind: 'good', value: part.decode(record.body, record.format), format: record.format };
  } catch {
    return { kind: 'broken', reason: `${path} is damaged` };
  }
}

/**
 * Writes a part: afterwards the new value is there whole, and the old one before.
 *
 * @throws StateError; the old value stands, or the new one until a crash, and the message says which
 */
export async function writePart<T>(directory: string, part: Part<T>, value: T, files: StateFiles): Promise<void> {
  const path = pathOf(directory, part);
  const text = part.file === undefined ? encodeRecord(part.encode(value)) : part.file.encode(value);
  try {
    await files.replace(path, text);
  } catch (error) {
    throw new StateError(`${path} could not be written: ${whyNot(error)}`, { cause: error });
  }
}

/**
 * Moves what must not be believed out of the way, where it can be looked at.
 *
 * @param now milliseconds since the epoch
 * @returns what to tell the operator
 */
export async function setAside(
  directory: string,
  part: Pick<Part<unknown>, 'name'>,
  reading: Reading<unknown>,
  files: StateFiles,
  now: number,
): Promise<string | null> {
  if (reading.kind === 'good' || reading.kind === 'none') return null;
  const path = pathOf(directory, part);
  const time = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const aside = `${path}.${reading.kind}-${time}`;
  try {
    await files.rename(path, aside);
    return `${reading.reason}: it was set aside as ${aside}`;
  } catch (error) {
    return `${reading.reason}, and it could not be set aside: ${messageOf(error)}`;
  }
}

/** The part's own value in JSON, in the current format only. */
export function jsonPart<T>(name: string, check: (value: unknown) => T): Part<T> {
  return {
    name,
    encode: (value) => `${JSON.stringify(value)}\n`,
    decode: (body, format) => {
      if (format !== currentFormat) throw new StateError(`${name} has had no format ${format}`);
      return check(JSON.parse(body));
    },
  };
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function whyNot(error: unknown): string {
  const isThere = error instanceof UnsyncedError;
  const cause = isThere ? error.cause : error;
  const left = isThere ? 'the new one is there, but may not outlive a crash' : 'what it said before stays';
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT') return `the disk is full (${messageOf(cause)}); ${left}`;
  if (code === 'EROFS') return `the file system is read-only (${messageOf(cause)}); ${left}`;
  return `${messageOf(cause)}; ${left}`;
}
