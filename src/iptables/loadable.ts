import type { XState } from './model.ts';
import { type Variant, variants } from './tools.ts';

/** A state as text that can be kept, and loaded whatever stands: its restore commands need to know what does. */

const head = /^# sluice iptables-(\w+)\n/;

/**
 * A state and the variant it is for, as one text: a line that names the variant, then JSON in which a bigint is `{"n": "DIGITS"}`.
 * {@link decodeLoadable} gives the same state back.
 */
export function encodeLoadable(state: XState, variant: Variant): string {
  return [...loadableParts(state, variant)].join('\n');
}

/** The same in parts, which are lines. */
export function* loadableParts({ sets, tables, bridge }: XState, variant: Variant): Generator<string> {
  yield `# sluice iptables-${variant}\n{ "sets": [`;
  yield* listed(sets, json);
  yield '], "tables": {';
  yield '"4": [';
  yield* listedTables(tables[4]);
  yield '], "6": [';
  yield* listedTables(tables[6]);
  yield '] }, "bridge": [';
  yield* listedTables(bridge);
  yield '] }\n';
}

function* listedTables(
  tables: readonly { readonly name: string; readonly jumps: unknown; readonly chains: readonly unknown[] }[],
): Generator<string> {
  for (const [at, { name, jumps, chains }] of tables.entries()) {
    yield `${at === 0 ? '' : ','}{ "name": ${json(name)}, "jumps": ${json(jumps)}, "chains": [`;
    yield* listed(chains, json);
    yield '] }';
  }
}

function* listed<Item>(items: readonly Item[], text: (item: Item) => string): Generator<string> {
  for (const [at, item] of items.entries()) yield `${at === 0 ? '' : ','}${text(item)}`;
}

const json = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? { n: `${one}` } : one));

/** Which variant a text is for; null when it is one for nft. */
export function variantOfText(text: string): Variant | null {
  const name = head.exec(text)?.[1];
  return variants.find((variant) => variant === name) ?? null;
}

/** What {@link encodeLoadable} was given. The text is our own, with a checksum, and only root can write where it lies. */
export function decodeLoadable(text: string): XState {
  return JSON.parse(text.replace(head, ''), (_, value: unknown) =>
    typeof value === 'object' &&
    value !== null &&
    'n' in value &&
    typeof value.n === 'string' &&
    Object.keys(value).length === 1
      ? BigInt(value.n)
      : value,
  ) as XState;
}
