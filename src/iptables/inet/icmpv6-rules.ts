import type { Target, XRule } from '../model.ts';

/** A rule for each type of ICMPv6, with that hop limit where one is given. */
export function icmpv6Rules(types: readonly number[], target: Target, hopLimit?: number): readonly XRule[] {
  return types.map((type) => ({
    matches: [
      { kind: 'icmp', type },
      ...(hopLimit === undefined ? [] : [{ kind: 'hop-limit', is: hopLimit } as const]),
    ],
    target,
  }));
}
