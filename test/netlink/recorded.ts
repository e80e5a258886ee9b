import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const text = readFileSync(join(import.meta.dirname, 'recorded.json'), 'utf8');

/** Datagrams of a real kernel, as inside/record.ts had them from it. */
export const recordedDatagrams: readonly Buffer[] = (JSON.parse(text) as readonly string[]).map((one) =>
  Buffer.from(one, 'base64'),
);
