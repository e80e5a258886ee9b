import { expect, test } from 'vitest';
import { fakeDaemon, letTimerRun } from './daemon.ts';
import { articleHost } from './hosts.ts';

test('apply takes the backend that is asked for, and stays in it afterwards', async () => {
  const host = articleHost();
  const first = JSON.parse((await host.sluice(['apply', '--backend', 'iptables-legacy', '--json'])).out);
  expect(first).toMatchObject({ good: true, applied: true, backend: 'iptables-legacy' });
  expect(JSON.parse((await host.sluice(['apply', '--json'])).out)).toMatchObject({ backend: 'iptables-legacy' });
  expect((await host.sluice(['apply'])).out.replaceAll(/\s+/g, ' ')).toContain('with iptables-legacy');
  expect(JSON.parse((await host.sluice(['down', '--json'])).out)).toMatchObject({ backends: ['iptables-legacy'] });
});

test('down says in words what it took away', async () => {
  const host = articleHost();
  await host.sluice(['apply', '--backend', 'iptables']);
  expect((await host.sluice(['down'])).out).toContain('our chains and sets of iptables-nft, ipset and ebtables');
});

test('an unknown backend is refused, with those there are', async () => {
  const host = articleHost();
  const { code, err } = await host.sluice(['apply', '--backend', 'pf']);
  expect(code).toBe(2);
  expect(err).toContain('nftables, iptables, iptables-nft, iptables-legacy');
  expect(host.kernel.held).toBeNull();
});

test('status says in what the rules are, and whether they are as they were made', async () => {
  const host = articleHost();
  await host.sluice(['apply', '--backend', 'iptables']);
  const good = await host.sluice(['status', '--json']);
  expect(JSON.parse(good.out)).toMatchObject({ standing: true, backend: 'iptables-nft', intact: true });
  expect((await host.sluice(['status'])).out).toContain('held with iptables-nft');
  // somebody flushes a chain
  const { held } = host.kernel;
  if (held !== null) host.kernel.held = { ...held, denied: held.denied === 'drop' ? 'reject' : 'drop' };
  expect(JSON.parse((await host.sluice(['status', '--json'])).out)).toMatchObject({ intact: false });
  expect((await host.sluice(['status'])).out).toContain('Somebody has changed them');
});

test('the daemon stays in what the rules are in, or takes over with what is asked for', async () => {
  const host = articleHost();
  await host.sluice(['apply', '--backend', 'iptables']);
  expect((await host.sluice(['run'])).code).toBe(0);
  expect(host.daemonOptions?.backend).toBeNull();
  await host.sluice(['run', '--backend', 'iptables-legacy']);
  expect(host.daemonOptions?.backend).toBe('iptables-legacy');
  expect((await host.sluice(['run', '--backend', 'pf'])).code).not.toBe(0);
});

test('beside a daemon it is the daemon that takes another backend, and it stays in it', async () => {
  const host = articleHost();
  await host.sluice(['apply']);
  host.daemon = fakeDaemon(host);
  const done = { good: true, by: 'daemon', backend: 'iptables-legacy' };
  expect(JSON.parse((await host.sluice(['apply', '--backend', 'iptables-legacy', '--json'])).out)).toMatchObject(done);
  expect(JSON.parse((await host.sluice(['apply', '--json'])).out)).toMatchObject(done);
  expect((await host.sluice(['apply', '--backend', 'nftables'])).out).toContain('the daemon keeps it true');
  expect(JSON.parse((await host.sluice(['apply', '--json'])).out)).toMatchObject({ backend: 'nftables' });
});

test('what the daemon cannot take over with is told with what is missing, and that nothing has changed', async () => {
  const host = articleHost();
  await host.sluice(['apply']);
  const message = 'ebtables is not installed on this host: apt-get install ebtables';
  host.daemon = { ...fakeDaemon(host), apply: async () => ({ ok: false, code: 'backend-missing', message }) };
  const { code, err } = await host.sluice(['apply', '--backend', 'iptables']);
  expect(code).not.toBe(0);
  expect(err.replaceAll(/\s+/g, ' ')).toContain(`the daemon did not apply it: ${message}`);
  expect(err).toContain('what was in force still is');
});

test('a change of policy goes back by itself in the backend that was asked for with it', async () => {
  const host = articleHost();
  await host.sluice(['apply']);
  host.daemon = fakeDaemon(host);
  host.files.write('/etc/sluice/policy.yaml', 'version: 1\nprojects: { app: { allow: none } }\n');
  await host.sluice(['apply', '--backend', 'iptables', '--confirm', '60s']);
  await letTimerRun(host);
  const status = JSON.parse((await host.sluice(['status', '--json'])).out);
  expect(status).toMatchObject({ policy: { by: 'confirm-expired' }, backend: 'iptables-nft', pending: null });
});

test('through a daemon apply tells in what it holds the rules', async () => {
  const host = articleHost();
  await host.sluice(['apply']);
  const daemon = fakeDaemon(host);
  host.daemon = { ...daemon, status: async () => ({ ...(await daemon.status()), backend: 'iptables-legacy' }) };
  expect(JSON.parse((await host.sluice(['apply', '--json'])).out)).toMatchObject({
    by: 'daemon',
    backend: 'iptables-legacy',
  });
  const { out } = await host.sluice(['apply']);
  expect(out.replaceAll(/\s+/g, ' ')).toContain('with iptables-legacy, and the daemon keeps it true');
  // and who does not answer is not guessed
  host.daemon = { ...daemon, status: () => Promise.reject(new Error('gone')) };
  expect(JSON.parse((await host.sluice(['apply', '--json'])).out)).toMatchObject({ by: 'daemon', backend: null });
});

test('live tests are of whatever holds the rules, and of nothing while one backend takes over from another', async () => {
  const host = articleHost();
  await host.sluice(['apply', '--backend', 'iptables']);
  expect((await host.sluice(['test', '--live'])).code).toBe(0);
  host.kernel.backends = async () => ['nftables', 'iptables-nft'];
  const { code, err } = await host.sluice(['test', '--live']);
  expect(code).not.toBe(0);
  expect(err.replaceAll(/\s+/g, ' ')).toContain('rules stand in nftables and in iptables-nft');
});
