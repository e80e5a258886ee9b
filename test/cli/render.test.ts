import { expect, test } from 'vitest';
import { articleHost } from './hosts.ts';

const folder = '/etc/systemd/system';
const dropin = `${folder}/docker.service.d/override.conf`;
const render = ['render', '--as', 'systemd-dropin', '--output', folder];

test('files are written anew over those that were rendered before, and over nobody else’s', async () => {
  const host = articleHost();
  expect((await host.sluice(render)).code).toBe(0);
  const text = host.files.textOf(dropin);
  expect(text).toContain('ExecStartPost=');
  host.files.write(dropin, `${text}# since then\n`);
  expect((await host.sluice(render)).code).toBe(0);
  expect(host.files.textOf(dropin)).toBe(text);

  const theirs = '[Service]\nEnvironment=HTTP_PROXY=http://192.168.100.1:3128\n'; // as "systemctl edit docker" leaves it
  host.files.write(dropin, theirs);
  await host.files.remove(`${folder}/docker-compose@.service`);
  const { code, err } = await host.sluice(render);
  expect([code, err]).toEqual([
    3,
    expect.stringMatching(/override\.conf is there, and "sluice render" did not write it/),
  ]);
  expect(host.files.textOf(dropin)).toBe(theirs);
  expect(host.files.textOf(`${folder}/docker-compose@.service`)).toBeUndefined();
});
