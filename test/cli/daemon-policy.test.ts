import { expect, test } from 'vitest';
import { daemonPolicy } from '../../src/cli/daemon-policy.ts';
import { digestOf } from '../../src/state/policy-state.ts';
import { articleHost, articlePolicy, configured } from './hosts.ts';

const failing = articlePolicy.replace('internet]', 'private]');

test('a good policy comes with its texts and their digest, which a command gets, too', async () => {
  const host = articleHost();
  const policy = await daemonPolicy(configured, host.ports());
  const read = await policy.read(true);
  if (read.kind !== 'good') throw new Error(read.message);
  expect(read.digest).toBe(digestOf(read.texts));
  expect(await policy.digest()).toBe(read.digest);
  expect(policy.recall(read.texts)).not.toBeNull();
  await host.sluice(['apply']);
  const remembered = (host.files.textOf('/var/lib/sluice/policy.json') ?? '').split('\n')[1] ?? '';
  expect(JSON.parse(remembered)).toMatchObject({ current: { digest: read.digest } });
});

test('a failing test makes it bad, but not at the start', async () => {
  const policy = await daemonPolicy(configured, articleHost(failing).ports());
  expect(await policy.read(true)).toMatchObject({ kind: 'bad', message: expect.stringContaining('SL1601') });
  expect((await policy.read(false)).kind).toBe('good');
});

test('what cannot be read is bad, in words, without a digest', async () => {
  const host = articleHost();
  await host.files.remove(configured);
  const policy = await daemonPolicy(configured, host.ports());
  expect(await policy.read(true)).toEqual({
    kind: 'bad',
    message: `there is no policy at ${configured}`,
    digest: null,
  });
  expect(await policy.digest()).toBeNull();
  expect((await policy.places()).files).toEqual([configured]);
});

test('texts of another time that are no policy any more are none', async () => {
  const policy = await daemonPolicy(configured, articleHost().ports());
  expect(policy.recall([{ path: '/p', role: 'policy', text: 'version: 9', writableByOthers: false }])).toBeNull();
});

test('watched are the files it is made of, and whatever comes into policy.d', async () => {
  const host = articleHost(`${articlePolicy}compose: [/srv/app/compose.yml]\n`);
  host.files.write('/srv/app/compose.yml', 'services: {}\n');
  host.files.write('/etc/sluice/policy.d/10-more.yaml', 'version: 1\n');
  const { files, folders } = await (await daemonPolicy(configured, host.ports())).places();
  expect(files).toEqual([configured, '/etc/sluice/policy.d/10-more.yaml', '/srv/app/compose.yml']);
  expect(folders).toEqual(['/etc/sluice/policy.d']);
});

test('watched is a compose file, too, that is not there yet, or cannot be read beside one that is in error', async () => {
  const host = articleHost(`${articlePolicy}compose: [/srv/app/compose.yml]\n`);
  host.files.write('/etc/sluice/policy.d/10-more.yaml', 'version: [');
  const policy = await daemonPolicy(configured, host.ports());
  expect((await policy.read(true)).kind).toBe('bad');
  const { files } = await policy.places();
  expect(files).toEqual([configured, '/etc/sluice/policy.d/10-more.yaml', '/srv/app/compose.yml']);
});
