import { type Family, families } from '../ip/address.ts';
import type { Numbers } from './dispatch.ts';
import { bits } from './marks.ts';
import { chainPrefix, type Names } from './names.ts';
import type { Saved } from './save.ts';

/**
 * The numbers that programs have in the rules that stand: whoever holds them for long gives a program that comes a number
 * that is free, and so has others than whoever makes all of them at once.
 */
export function standingNumbers(inet: Readonly<Record<Family, Saved>>, names: Names): Numbers {
  const byMap = new Map<string, ReadonlyMap<string, number>>();
  for (const family of families)
    for (const plane of ['forward', 'host']) {
      const map = `${plane}${family}`;
      const chains = inet[family].get('mangle')?.rules ?? new Map<string, readonly string[]>();
      byMap.set(map, leavesOf(chains, `${chainPrefix}to-${map}`));
    }
  return (map, target) => byMap.get(map)?.get(target === 'accept' ? `${chainPrefix}pass` : names.chain(target));
}

/** Where each number leads, by the chain it leads to. */
function leavesOf(chains: ReadonlyMap<string, readonly string[]>, root: string): ReadonlyMap<string, number> {
  const leaves = new Map<string, number>();
  const follow = (chain: string, above: number) => {
    for (const rule of chains.get(chain) ?? []) {
      const [, mark = '', to = ''] = /^-m mark --mark 0x([0-9a-f]+)\/0x[0-9a-f]+ -g (\S+)$/.exec(rule) ?? [];
      if (to === '') continue;
      const number = above | (Number.parseInt(mark, 16) >>> bits.numberShift);
      if (to.startsWith(`${root}.`)) follow(to, number);
      else leaves.set(to, number);
    }
  };
  follow(root, 0);
  return leaves;
}
