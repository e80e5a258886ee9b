import { families } from '../ip/address.ts';
import { must, type RunCommand } from './command.ts';
import { parseSets, readingSets, type Standing } from './compare.ts';
import { chainPrefix, linkLocalChain, mainChain, witnessChain } from './names.ts';
import { ownRules, ownSetsOf } from './own-lines.ts';
import { parseSave, readingSave, type Saved } from './save.ts';
import type { Tools } from './tools.ts';

/** Runs the commands of one variant of iptables. */
interface Programs {
  readonly run: RunCommand;
  readonly tools: Tools;
}

/** What stands in the kernel: everybody's rules, and our sets. */
export async function readStanding({ run, tools }: Programs): Promise<Standing> {
  const [v4, v6] = (await Promise.all(
    families.map(async (family) => parseSave(await must(run, tools.save[family], ['-c']))),
  )) as [Saved, Saved];
  return {
    inet: { 4: v4, 6: v6 },
    bridge: parseSave(await must(run, tools.ebtables.save, ['-c'])),
    sets: parseSets(await must(run, 'ipset', ['save'])),
  };
}

/** Whether our chains stand in both families and in ebtables, with what leads to them. */
export async function isStanding({ run, tools }: Programs): Promise<boolean> {
  const inet = families.map(async (family) => parseSave(await must(run, tools.save[family], ['-t', 'mangle'])));
  const saved = [
    ...(await Promise.all(inet)).map((one) => one.get('mangle')?.rules.get('FORWARD')),
    parseSave(await must(run, tools.ebtables.save, []))
      .get('nat')
      ?.rules.get('PREROUTING'),
  ];
  return saved.every((rules) => rules?.includes(`-j ${mainChain}`) === true);
}

/** What stands, as text: to be compared with an earlier reading, and parsed only where they differ. */
interface StandingText {
  /** What of it is ours; made with pauses, as the other. */
  readonly own: () => Generator<void, string>;
  readonly standing: () => Generator<void, Standing>;
}

/** Reads what stands, one command after the other: nobody waits for it, and others need the processor. */
export async function readText({ run, tools }: Programs): Promise<StandingText> {
  const v4 = await must(run, tools.save[4], []);
  const v6 = await must(run, tools.save[6], []);
  const bridge = await must(run, tools.ebtables.save, []);
  const sets = await must(run, 'ipset', ['save']);
  return {
    *own() {
      const parts = [yield* ownRules(v4), yield* ownRules(v6), yield* ownRules(bridge), yield* ownSetsOf(sets)];
      return parts.join('\n\n');
    },
    *standing() {
      return {
        inet: { 4: yield* readingSave(v4), 6: yield* readingSave(v6) },
        bridge: yield* readingSave(bridge),
        sets: yield* readingSets(sets),
      };
    },
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
    return table === 'nat' || chain === linkLocalChain || rule.includes('--ip6-icmp-type')
      ? 'bridge spoofed'
      : 'bridge astray';
  });
  return counters;
}
