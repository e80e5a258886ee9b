import { expect, test } from 'vitest';
import { refusedOf } from '../../src/daemon/status.ts';
import { compile } from '../../src/ruleset/compile.ts';
import { buildWorld } from '../generate/build.ts';
import { now, policyOf, town } from '../ruleset/support.ts';
import { DaemonHost } from './host.ts';

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

test('who is enforced and can undo it is told, and what has become of the last line', async () => {
  const host = new DaemonHost();
  host.world = buildWorld({
    ...town,
    containers: town.containers.map((one) => ({
      ...one,
      published: [],
      ...(one.workload?.startsWith('app/') === true ? { powers: { capabilities: ['NET_ADMIN'] } } : {}),
    })),
  });
  const daemon = await host.start();
  await expect.poll(async () => (await daemon.status()).canUndo.length, { timeout: 30_000 }).toBeGreaterThan(0);
  const { canUndo, lastLine } = await daemon.status();
  const enforced = host.world.containers.filter(({ project, running }) => project === 'app' && running);
  expect(canUndo.map(({ container }) => container).toSorted()).toEqual(enforced.map(({ name }) => name).toSorted());
  expect(new Set(canUndo.map(({ code }) => code))).toEqual(new Set(['net-admin']));
  expect(lastLine).toBe('stands');
  await daemon.stop();
});
