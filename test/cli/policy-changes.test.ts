import { expect, test } from 'vitest';
import type { Change } from '../../src/cli/changes.ts';
import { policyChanges, untold } from '../../src/cli/policy-changes.ts';
import { policyOf } from '../ruleset/support.ts';
import { articleHost, articlePolicy, configured } from './hosts.ts';

const usual = `groups: { lan: [10.0.0.0/8] }
guardrails: { deny: [cloud-metadata] }
projects: { shop: { allow: [lan], services: { web: { deny: [host] } } } }
containers: { portainer: { allow: none } }
`;
const compose = (allow: string) => ({
  '/srv/wiki/compose.yaml': `name: wiki\nservices:\n  web:\n    image: wiki\n    x-sluice: { allow: [${allow}] }\n`,
});

const names = (parts: ReturnType<typeof policyChanges>) => parts.map(({ name }) => name);
const changed = (workload: string): Change => ({
  workload,
  containers: [workload],
  kind: 'changed',
  loses: [],
  gains: [],
  mode: { from: 'enforce', to: 'enforce' },
  programs: [],
});

test.each([
  ['nothing', usual, []],
  ['a comment', `${usual}# more\n`, []],
  ['a reason', usual.replace('[host]', '[{ to: host, reason: "nobody’s business" }]'), []],
  ['a group', usual.replace('10.0.0.0/8', '10.0.0.0/9'), ['groups.lan']],
  ['another group', usual.replace('lan: [10.0.0.0/8]', 'lan: [10.0.0.0/8], wan: [8.8.8.8]'), ['groups.wan']],
  ['a guardrail', usual.replace('[cloud-metadata]', '[cloud-metadata, host]'), ['guardrails']],
  ['a service', usual.replace('deny: [host]', 'deny: [gateway]'), ['projects.shop']],
  ['a mode', usual.replace('allow: none', 'allow: none, mode: audit'), ['containers.portainer']],
  ['a project less', usual.replace(/^projects.*$/m, 'projects: { }'), ['projects.shop']],
  ['a default', `${usual}defaults: { unmanaged: deny }\n`, ['defaults.unmanaged']],
])('what another policy says by %s', (_, text, parts) => {
  expect(names(policyChanges(policyOf(usual), policyOf(text)))).toEqual(parts);
  expect(names(policyChanges(policyOf(text), policyOf(usual)))).toEqual(parts);
});

test('a compose file is told by its name', () => {
  const [before, after] = [policyOf(usual, compose('dns')), policyOf(usual, compose('internet'))];
  expect(policyChanges(before, before)).toEqual([]);
  const parts = policyChanges(before, after);
  expect(names(parts)).toEqual(['x-sluice of /srv/wiki/compose.yaml']);
  expect(untold(parts, [changed('shop/web')], 1)).toEqual(parts);
  expect(untold(parts, [changed('wiki/web')], 0)).toEqual([]);
});

const withWiki = (allow: string) => articlePolicy.replace('projects:\n', `projects:\n  wiki: { allow: ${allow} }\n`);

test('a plan ends with 2 for a project of which nothing runs, and says which', async () => {
  const host = articleHost(withWiki('none'));
  await host.sluice(['apply']);
  expect(await host.sluice(['plan'])).toMatchObject({ code: 0 });
  host.files.write(configured, withWiki('[internet]'));
  const { code, out } = await host.sluice(['plan']);
  expect(code).toBe(2);
  const words = out.replaceAll(/\s+/g, ' ');
  expect(words).toContain('policy says something else in projects.wiki; nothing that runs is touched');
  expect(words).toContain('No container that runs changes; the policy does. Apply with: sluice apply');
  await host.sluice(['apply']);
  expect(await host.sluice(['plan'])).toMatchObject({ code: 0 });
});
