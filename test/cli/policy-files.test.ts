import { expect, test } from 'vitest';
import { othersMayWrite } from '../../src/cli/policy-files.ts';
import { articleHost, articlePolicy, configured } from './hosts.ts';

const root = { uid: 0, gid: 0 };
const ada = { uid: 1000, gid: 1000 };

test.each([
  ["root's alone", { ...root, mode: 0o644 }, root, false],
  ["root's, group root may write", { ...root, mode: 0o664 }, root, false],
  ["root's, another group may write", { uid: 0, gid: 4, mode: 0o664 }, root, true],
  ["root's, everybody may write", { ...root, mode: 0o646 }, root, true],
  ["somebody's, read by root", { ...ada, mode: 0o644 }, root, true],
  ["one's own", { ...ada, mode: 0o644 }, ada, false],
  ["one's own, with the user's private group", { ...ada, mode: 0o664 }, ada, false],
  ["one's own, with a group of others", { uid: 1000, gid: 100, mode: 0o664 }, ada, true],
  ["somebody else's", { uid: 1001, gid: 1001, mode: 0o644 }, ada, true],
])('who may write a file: %s', (_, owner, user, expected) => {
  expect(othersMayWrite(owner, user)).toBe(expected);
});

test('a policy that others can write is an error, also by way of its folder', async () => {
  const host = articleHost();
  host.files.write(configured, articlePolicy, { mode: 0o666 });
  expect(await host.sluice(['check'])).toMatchObject({ code: 1, out: expect.stringContaining('SL1009') });
  host.files.write(configured, articlePolicy);
  expect((await host.sluice(['check'])).code).toBe(0);
  host.files.folders.set('/etc/sluice', { ...root, mode: 0o777 });
  expect((await host.sluice(['check'])).out).toContain('SL1009');
  host.files.folders.set('/etc/sluice', { ...root, mode: 0o1777 });
  expect((await host.sluice(['check'])).code).toBe(0);
});

const filesOf = async (host: ReturnType<typeof articleHost>, ...named: string[]) => {
  const { out, err } = await host.sluice(['check', '--json', ...named]);
  return err === '' ? (JSON.parse(out) as { files: string[] }).files : err;
};

test('policy.d is read by name, and only its yaml files', async () => {
  const host = articleHost('version: 1\n');
  for (const name of ['20-b.yaml', '10-a.yaml', '.hidden.yaml', 'notes.txt', 'old.yaml.bak'])
    host.files.write(`/etc/sluice/policy.d/${name}`, `version: 1\nprojects: { p${name[0]}: { allow: none } }\n`);
  expect(await filesOf(host)).toEqual([configured, '/etc/sluice/policy.d/10-a.yaml', '/etc/sluice/policy.d/20-b.yaml']);
});

test('a part of the policy that would not be read by its name is told, and nothing goes on without it', async () => {
  const host = articleHost('version: 1\n');
  host.files.write('/etc/sluice/policy.d/10-a.yml', 'version: 1\nprojects: { p: { allow: none } }\n');
  const { code, err } = await host.sluice(['check']);
  expect([code, err]).toEqual([3, expect.stringMatching(/10-a\.yml would not be read[^]*call it 10-a\.yaml/)]);
  host.files.write('/etc/sluice/policy.d/.10-b.yml', 'anything');
  await host.files.remove('/etc/sluice/policy.d/10-a.yml');
  expect((await host.sluice(['check'])).code).toBe(0);
});

test('compose files are found from where the policy lies', async () => {
  const host = articleHost('version: 1\ncompose: [shop/docker-compose.yml, /srv/app/compose.yaml]\n');
  const compose = 'services:\n  web: { x-sluice: { allow: [any] } }\n';
  host.files.write('/etc/sluice/shop/docker-compose.yml', compose);
  host.files.write('/srv/app/compose.yaml', compose);
  expect(await filesOf(host)).toEqual([configured, '/etc/sluice/shop/docker-compose.yml', '/srv/app/compose.yaml']);
});

test('a compose file that is not there is told with the step to mend it', async () => {
  const host = articleHost('version: 1\ncompose: [/srv/app/compose.yaml]\n');
  const { code, err } = await host.sluice(['check']);
  expect(code).toBe(3);
  expect(err).toContain('there is no compose file at /srv/app/compose.yaml');
  expect(err).toContain('"compose:"');
});

test('named files stand in for the configured ones', async () => {
  const host = articleHost('nonsense');
  host.files.write('/src/policy.yaml', 'version: 1\n');
  host.files.write('/src/extra.yaml', 'version: 1\nprojects: { app: { allow: [any] } }\n');
  host.files.write('/src/app/compose.yml', 'services:\n  web: { x-sluice: { allow: [any] } }\n');
  expect(await filesOf(host, '/src/policy.yaml')).toEqual(['/src/policy.yaml']);
  const several = ['/src/policy.yaml', '/src/extra.yaml', '/src/app/compose.yml'];
  expect(await filesOf(host, ...several)).toEqual(several);
});

test('a file too large to be a policy is not read', async () => {
  const host = articleHost(`version: 1\n#${'x'.repeat(17 * 1024 * 1024)}`);
  const { code, err } = await host.sluice(['check']);
  expect(code).toBe(3);
  expect(err).toContain('more than');
});
