import { allocateIds, nameKey } from './ids.ts';
import type { Memory } from './memory.ts';
import { by } from './order.ts';
import type { Draft } from './programs.ts';
import type { Seated } from './senders.ts';

interface Variant {
  readonly draft: Draft;
  /** The first, by name, of the networks it is for. */
  readonly network: string;
}

/**
 * Ids for the programs: a workload's name where all its endpoints are judged alike, else with the network's name, else
 * with an ordinal. Those that nothing names share one.
 */
export function namePrograms(
  seats: readonly Seated[],
  build: Draft | null,
  memory: Memory,
): { readonly drafts: ReadonlyMap<string, Draft>; readonly idOf: (draft: Draft) => string } {
  const byName = new Map<string, { readonly parts: readonly string[]; readonly variants: Variant[] }>();
  const add = (parts: readonly string[], draft: Draft, network: string) => {
    const name = textsOf(parts).text;
    const entry = byName.get(name) ?? { parts, variants: [] };
    entry.variants.push({ draft, network });
    byName.set(name, entry);
  };
  if (build !== null) add(['build'], build, '');
  for (const { program, draft, network } of seats) add(program, draft, network.name);

  const keys = new Map<Draft, string>();
  const drafts = new Map<string, Draft>();
  const claim = (parts: readonly string[], draft: Draft): string => {
    let { key } = textsOf(parts);
    for (let ordinal = 2; drafts.has(key); ordinal++) key = nameKey([...parts, String(ordinal)]);
    drafts.set(key, draft);
    return key;
  };
  for (const [, { parts, variants }] of [...byName.entries()].toSorted(by(([name]) => name))) {
    const alike = [...likenesses(variants, memory).values()];
    for (const group of alike) {
      const [{ draft, network }] = group;
      const key = claim(alike.length === 1 ? parts : [...parts, network], draft);
      for (const one of group) keys.set(one.draft, key);
    }
  }
  const ids = allocateIds(drafts.keys());
  const idOf = (draft: Draft) => ids.get(keys.get(draft) as string) as string;
  return { drafts: new Map([...drafts].map(([key, draft]) => [ids.get(key) as string, draft])), idOf };
}

interface PartsTexts {
  /** That no other parts share. */
  readonly text: string;
  /** See {@link nameKey}. */
  readonly key: string;
}

const knownTexts = new WeakMap<readonly string[], PartsTexts>();

function textsOf(parts: readonly string[]): PartsTexts {
  let texts = knownTexts.get(parts);
  if (texts === undefined) {
    texts = { text: `${parts.length} ${JSON.stringify(parts)}`, key: nameKey(parts) };
    knownTexts.set(parts, texts);
  }
  return texts;
}

/** Variants by what they are, in an order that only depends on that. */
function likenesses(
  variants: readonly Variant[],
  memory: Memory,
): ReadonlyMap<string, readonly [Variant, ...Variant[]]> {
  const [first, ...more] = variants;
  if (first === undefined || more.length === 0) return new Map(first === undefined ? [] : [['', [first]]]);
  const groups = new Map<string, [Variant, ...Variant[]]>();
  for (const variant of variants.toSorted(by(({ network }) => network))) {
    const key = memory.draftKey(variant.draft);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [variant]);
    else group.push(variant);
  }
  return new Map([...groups].toSorted(by(([key, [{ network }]]) => `${network}\0${key}`)));
}
