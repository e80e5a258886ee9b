import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FakeHost } from '../fakes.ts';

/** A command line, and where it is given; screens/NAME.txt has what is seen then. */
export interface Scene {
  readonly args: readonly string[];
  /** The article's host when left out. */
  readonly host?: () => FakeHost | Promise<FakeHost>;
  /** Of the terminal; 0: a pipe. */
  readonly columns?: number;
}

export type Scenes = Readonly<Record<string, Scene>>;

/** A listing of the packet path's tests. */
export function listingText(path: string): string {
  return readFileSync(join(import.meta.dirname, '../../packetpath', path), 'utf8');
}
