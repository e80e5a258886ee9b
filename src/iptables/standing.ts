import { must, type RunCommand } from './command.ts';
import { parseSets, type Standing } from './compare.ts';
import { families } from './families.ts';
import { chainPrefix, witnessChain } from './names.ts';
import { parseSave, type Saved } from './save.ts';
import type { Tools } from './tools.ts';

/** What stands in the kernel: everybody's rules, and our sets. */
export async function readStanding({
  run,
  tools,
}: {
  readonly run: RunCommand;
  readonly tools: Tools;
}): Promise<Standing> {
  const [v4, v6] = (await Promise.all(
    families.map(async (family) => parseSave(await must(run, tools.save[family], ['-c']))),
  )) as [Saved, Saved];
  return {
    inet: { 4: v4, 6: v6 },
    bridge: parseSave(await must(run, tools.ebtables.save, ['-c'])),
    sets: parseSets(await must(run, 'ipset', ['save'])),
  };
}

/** Packets by counter, over all tables: `inet denied/app/app`, `bridge spoofed`. */
export function countersOf({ inet, bridge }: Pick<Standing, 'inet' | 'bridge'>): ReadonlyMap<string, number> {
  const counters = new Map<string, number>();
  const count = (saved: Saved, nameOf: (table: string, chain: string, rule: string) => string | undefined) => {
    for (const [table, { rules, packets }] of saved)
      for (const [chain, list] of rules)
        if (chain.startsWith(chainPrefix))
          list.forEach((rule, at) => {
            const name = nameOf(table, chain, rule);
            if (name !== undefined) counters.set(name, (counters.get(name) ?? 0) + (packets.get(chain)?.[at] ?? 0));
          });
  };
  for (const family of families)
    count(inet[family], (_table, _chain, rule) => {
      const name = /--comment "?([^" ]+)"?/.exec(rule)?.[1];
      return name === undefined ? undefined : `${name === 'spoofed' ? 'bridge' : 'inet'} ${name}`;
    });
  // ebtables has no comments: which of its drops it is says the chain
  count(bridge, (table, chain, rule) => {
    if (!rule.includes('-j DROP')) return undefined;
    if (chain === witnessChain) return 'bridge unjudged';
    return table === 'nat' || rule.includes('--ip6-icmp-type') ? 'bridge spoofed' : 'bridge astray';
  });
  return counters;
}
