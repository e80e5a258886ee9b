import { createHash } from 'node:crypto';

/** The version of everything we write into the state directory. Format 1 was applied.json alone. */
export const currentFormat = 2;

export type Record =
  | { readonly kind: 'good'; readonly format: number; readonly body: string }
  | { readonly kind: 'damaged' }
  /** Written by a later version of Sluice. */
  | { readonly kind: 'newer'; readonly format: number };

/**
 * A record as text: a line of JSON with the format and the SHA-256 of all that follows, then the body. One that was cut
 * short, has a flipped bit or was edited by hand is told apart from a good one.
 */
export function encodeRecord(body: string): string {
  return `${JSON.stringify({ format: currentFormat, sha256: sha256(body) })}\n${body}`;
}

/** Takes a record apart, and believes a body only by its SHA-256. Never throws. A later format is not looked into. */
export function decodeRecord(text: string): Record {
  const end = text.indexOf('\n');
  const head = headOf(end < 0 ? text : text.slice(0, end));
  if (head === null) return { kind: 'damaged' };
  const body = end < 0 ? '' : text.slice(end + 1);
  if (head.format > currentFormat) return { kind: 'newer', format: head.format };
  return head.sha256 === sha256(body) ? { kind: 'good', format: head.format, body } : { kind: 'damaged' };
}

function headOf(line: string): { readonly format: number; readonly sha256: unknown } | null {
  try {
    const head: unknown = JSON.parse(line);
    if (typeof head !== 'object' || head === null) return null;
    const { format, sha256: digest } = head as { readonly format?: unknown; readonly sha256?: unknown };
    return Number.isSafeInteger(format) && (format as number) > 0 ? { format: format as number, sha256: digest } : null;
  } catch {
    return null;
  }
}

/** SHA-256 of a text's UTF-8, hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
