import { canonicalRule } from './compare.ts';
import type { EbRule, EbTable } from './model.ts';
import { mainChain, provenChain } from './names.ts';
import { printEbRule } from './print-bridge.ts';
import type { Saved } from './save.ts';

/** Whether rules of ours stand that let nobody pass without a proof, in any family. */
export function demandProof(saved: readonly Saved[]): boolean {
  return saved.some((tables) => tables.get('raw')?.rules.get('PREROUTING')?.includes(`-j ${mainChain}`) === true);
}

/** `-i veth77 -j DROP`: nothing passes from a port. */
const bar = /^-i (\S+) -j DROP$/;

/**
 * ebtables' tables with the ports barred as well from which nothing passes by now: they may be on a bridge that is enrolled
 * only with the rules that come.
 *
 * @param saved what ebtables-save prints
 */
export function stillBarred(tables: readonly EbTable[], saved: Saved): readonly EbTable[] {
  return tables.map((table) => {
    const chains = table.chains.map((chain) => {
      if (chain.name !== mainChain) return chain;
      const there = saved.get(table.name)?.rules.get(chain.name) ?? [];
      const wanted = new Set(chain.rules.map((rule) => printEbRule('', rule).replace(/^-A +/, '')));
      const bars = there.flatMap((rule) => (wanted.has(rule) ? [] : (bar.exec(rule)?.[1] ?? [])));
      const rules = bars.map((name): EbRule => ({ matches: [{ kind: 'in', name }], target: { kind: 'drop' } }));
      return rules.length === 0 ? chain : { ...chain, rules: [...rules, ...chain.rules] };
    });
    return { ...table, chains };
  });
}

/**
 * ebtables' tables for as long as the rules of before judge: a sender whose proof does not stand there as it is to be is
 * not proven yet. It may have the address of somebody who is gone, and would be judged by what was theirs.
 *
 * @param saved what ebtables-save prints
 */
export function withheld(tables: readonly EbTable[], saved: Saved): readonly EbTable[] {
  return tables.map((table) => {
    const there = saved.get(table.name);
    const chains = table.chains.map((chain) => {
      if (!chain.rules.some(({ target }) => target.kind === 'jump' && target.chain === provenChain)) return chain;
      const wanted = chain.rules.map((rule) => printEbRule('', rule).replace(/^-A +/, ''));
      const stands = there?.rules.get(chain.name);
      const isSame = stands?.length === wanted.length && stands.every((rule, at) => same(rule, wanted[at] as string));
      return isSame ? chain : { ...chain, rules: [{ matches: [], target: { kind: 'drop' } as const }] };
    });
    return { ...table, chains };
  });
}

const same = (a: string, b: string): boolean => canonicalRule(a) === canonicalRule(b);
