import { isAbsent, NftError, type RunNft } from './nft.ts';
import type { Standing } from './transaction.ts';

/** What stands in the kernel under one of our tables, by name; null when the table is not there. */
export async function readStanding(run: RunNft, family: 'inet' | 'bridge', name: string): Promise<Standing | null> {
  const answer = await run(['-j', '-t', 'list', 'table', family, name]);
  if (isAbsent(answer)) return null;
  if (answer.code !== 0)
    throw new NftError(`nft could not list table ${family} ${name}: ${answer.signal ?? answer.stderr.trim()}`);
  return standingOf(JSON.parse(answer.stdout));
}

/**
 * Names of the bridge ports whose senders the standing rules prove; none when no rules of ours stand. A port whose
 * interface is gone is listed by its index.
 */
export async function readProvenPorts(run: RunNft): Promise<ReadonlySet<string>> {
  const answer = await run(['-j', 'list', 'set', 'bridge', 'sluice', 'ports']);
  if (isAbsent(answer)) return new Set();
  if (answer.code !== 0)
    throw new NftError(`nft could not list the known ports: ${answer.signal ?? answer.stderr.trim()}`);
  const elements = itemsOf(JSON.parse(answer.stdout)).flatMap(({ set }) =>
    isObject(set) && Array.isArray(set['elem']) ? set['elem'] : [],
  );
  return new Set(elements.map(String));
}

/** Gathers the names in an answer of `nft -j list table` (libnftables-json(5)). */
export function standingOf(listing: unknown): Standing {
  const found = { chains: [] as string[], sets: [] as string[], maps: [] as string[], counters: [] as string[] };
  const places = { chain: found.chains, set: found.sets, map: found.maps, counter: found.counters };
  for (const item of itemsOf(listing)) {
    for (const [kind, names] of Object.entries(places)) {
      const object = item[kind];
      if (isObject(object) && typeof object['name'] === 'string') names.push(object['name']);
    }
  }
  return found;
}

function itemsOf(listing: unknown): readonly Record<string, unknown>[] {
  const items = isObject(listing) ? listing['nftables'] : undefined;
  if (!Array.isArray(items)) throw new NftError('nft listed something that is not its JSON format');
  return items.filter(isObject);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
