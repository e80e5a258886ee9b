import type { RunNft } from './nft.ts';
import type { PathEvent } from './path-trace.ts';

/**
 * Traced events with the places of the rules that let the packet pass or stopped it: nf_tables numbers rules as they are made, and
 * people by where they stand, as iptables-save has them too. A chain that cannot be listed, or has no such rule any more, tells
 * none.
 */
export async function placed(events: readonly PathEvent[], run: RunNft): Promise<readonly PathEvent[]> {
  const handlesOf = new Map<string, Promise<readonly number[]>>();
  return Promise.all(
    events.map(async (event) => {
      const { family, table, chain, handle, verdict } = event;
      if (handle === null || (verdict !== 'accept' && verdict !== 'drop')) return event;
      const key = `${family} ${table} ${chain}`;
      const handles = handlesOf.get(key) ?? handlesIn(event, run);
      handlesOf.set(key, handles);
      const index = (await handles).indexOf(handle);
      return index === -1 ? event : { ...event, place: index + 1 };
    }),
  );
}

/** The handles of a chain's rules in their order, each at the end of its line; none where nft does not list it. */
async function handlesIn({ family, table, chain }: PathEvent, run: RunNft): Promise<readonly number[]> {
  const { code, stdout } = await run(['-a', 'list', 'chain', family, table, chain]);
  return code === 0 ? [...stdout.matchAll(/^\t\t.* # handle (\d+)$/gm)].map(([, handle]) => Number(handle)) : [];
}
