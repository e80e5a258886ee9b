import { readPolicy } from '../../src/policy/read.ts';
import { compile } from '../../src/ruleset/compile.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import { articlePolicy, articleWorld, worldOf } from '../cli/hosts.ts';

/** What the kernel is to hold on the article's host. */
export async function articleRuleset(): Promise<Ruleset> {
  const now = Date.UTC(2026, 10, 25);
  const text = {
    path: '/etc/sluice/policy.yaml',
    role: 'policy',
    text: articlePolicy,
    writableByOthers: false,
  } as const;
  const { policy } = readPolicy([text], { now });
  if (policy === null) throw new Error('the policy of the article has errors');
  return compile(policy, worldOf(articleWorld), now).ruleset;
}
