import type { Random } from '../agreement/random.ts';

/** One reader of bytes from outside, and what must hold whatever it is given. */
export interface Reader {
  /** Real inputs, from which others are made; each is read as it is, too. */
  readonly corpus: () => readonly Buffer[];
  /** What the format says with. */
  readonly words?: readonly string[];
  /** Makes an input by the format's structure; used for half of them. */
  readonly make?: (random: Random, corpus: readonly Buffer[]) => Buffer;
  /**
   * Reads an input. Throws when something does not hold: the documented errors are caught in it.
   *
   * @returns whether it was accepted, or refused
   */
  readonly read: (input: Buffer) => 'accepted' | 'refused' | Promise<'accepted' | 'refused'>;
}

/** What a module in inside/ exports: readers by name, taken in turns. */
export interface Target {
  readonly readers: Readonly<Record<string, Reader>>;
  /** Ends what the readers have opened. */
  readonly end?: () => Promise<void> | void;
}

/** What a thread is told. */
export interface Orders {
  /** URL of the target's module. */
  readonly module: string;
  readonly seed: number;
  /** Milliseconds of fuzzing, and inputs made for each reader, at most. */
  readonly time: number;
  readonly count: number;
  /** Only this input, of this reader. */
  readonly only: { readonly reader: string; readonly input: Uint8Array } | null;
  /** The number of the input that is being read (32 bits), its reader (32 bits), its length (32 bits), and its bytes. */
  readonly window: SharedArrayBuffer;
}

export const windowHead = 12;

/** What a thread says at its end. */
export interface Findings {
  readonly accepted: number;
  readonly refused: number;
  /** Processor time of the input that took longest, milliseconds. */
  readonly slowest: number;
  readonly failure: Failure | null;
}

export interface Failure {
  readonly reader: string;
  readonly what: string;
  readonly input: Uint8Array;
}
