import { expect, test } from 'vitest';
import { refusedOf } from '../../src/daemon/status.ts';
import { compile } from '../../src/ruleset/compile.ts';
import { buildWorld } from '../generate/build.ts';
import { now, policyOf, town } from '../ruleset/support.ts';

test('whatever closes a container is told, and what cannot be held is told elsewhere', () => {
  const world = buildWorld({
    ...town,
    containers: [
      { name: 'asks', workload: 'app/web', on: ['app_default'], labels: { 'sluice.allow': 'internet' } },
      { name: 'misspelt', on: ['app_default'], labels: { 'sluice.allow': 'interne' } },
      { name: 'unknown', on: ['app_default'], labels: { 'sluice.alow': 'dns' } },
      { name: 'owner', on: ['app_default'], labels: { 'sluice.allow': 'dns' } },
      { name: 'sharer', mode: 'container:owner', labels: { 'sluice.allow': 'internet' } },
      { name: 'host', mode: 'host', labels: { 'sluice.allow': 'internet' } },
    ],
  });
  const { diagnostics } = compile(policyOf('projects: { app: { allow: [dns] } }'), world, now);
  const refused = refusedOf(diagnostics);
  expect(refused.map(({ workload }) => workload).toSorted()).toEqual(
    ['asks', 'misspelt', 'sharer', 'unknown'].map((name) => `labels of container ${name}`),
  );
  expect(refused.find(({ workload }) => workload.endsWith('misspelt'))?.message).toBe(
    'unknown group "interne"; did you mean "internet"?',
  );
});
