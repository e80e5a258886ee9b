import type { FlowTable, Rule, Step, TableFamily } from '../model.ts';

/**
 * What `nft list ruleset` holds, in the shape of `nft -j` (libnftables-json(5)), with its rules understood. The reader of
 * the text makes the same of it.
 */
export type NftItem =
  | {
      readonly kind: 'table';
      readonly family: TableFamily;
      readonly name: string;
      readonly dormant: boolean;
      readonly line: number;
    }
  | ({ readonly kind: 'chain' } & NftOwned & NftChain)
  | ({ readonly kind: 'set' } & NftOwned & NftSet)
  | ({ readonly kind: 'flowtable' } & NftOwned & FlowTable)
  | ({ readonly kind: 'rule' } & NftOwned & NftRule);

interface NftOwned {
  readonly family: TableFamily;
  readonly table: string;
  readonly line: number;
}

export interface NftChain {
  readonly name: string;
  readonly type?: unknown;
  readonly hook?: unknown;
  readonly priority?: unknown;
  readonly policy?: unknown;
  readonly device?: unknown;
  /** Where the kernel calls it is said, and not understood. */
  readonly unplaced?: boolean;
}

export interface NftSet {
  readonly name: string;
  /** A name, a list of names, or `{ typeof: expression }`. */
  readonly type: unknown;
  /** Of a map: what it leads to. */
  readonly map: unknown;
  readonly flags: readonly unknown[];
  readonly timeout: boolean;
  readonly elements: readonly unknown[];
}

export interface NftRule {
  readonly chain: string;
  readonly handle: number | null;
  readonly comment: string | null;
  /** As the listing has it, without counters. */
  readonly text: string;
  readonly counted: Rule['counted'];
  readonly steps: readonly Step[];
  /** Sets that it adds packets to. */
  readonly feeds: readonly string[];
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a value of JSON is an object: neither null nor a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The only entry of an object such as `{ "accept": null }`. */
export function onlyEntry(value: unknown): readonly [string, unknown] | undefined {
  if (!isObject(value)) return undefined;
  let found: string | undefined;
  for (const key in value) {
    if (found !== undefined) return undefined;
    found = key;
  }
  return found === undefined ? undefined : [found, value[found]];
}

/** `nft -j` writes a list of one thing as the thing itself. */
export const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

const families: readonly TableFamily[] = ['ip', 'ip6', 'inet', 'bridge', 'arp', 'netdev'];
/** The family of that name; undefined for another value, and for a family that newer kernels have. */
export const familyNamed = (name: unknown): TableFamily | undefined => families.find((family) => family === name);

/** A word or a number as its text; empty for what is neither. */
export const asText = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
