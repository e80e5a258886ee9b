import { expect, test } from 'vitest';
import { EngineError } from '../../src/docker/engine-error.ts';
import { Store } from '../../src/state/store.ts';
import { fakeDaemon, letTimerRun } from './daemon.ts';
import type { FakeHost } from './fakes.ts';
import { articleHost, articlePolicy, configured } from './hosts.ts';

const looser = articlePolicy.replace('internet]', 'internet, "192.168.5.5:22"]').replace('["192.168.5.5:22", ', '[');

async function changedFor(time: string, listens = false): Promise<FakeHost> {
  const host = articleHost();
  await host.sluice(['apply']);
  host.files.write(configured, looser);
  if (listens) host.daemon = fakeDaemon(host);
  const { code, err } = await host.sluice(['apply', '--confirm', time]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return host;
}

const mayReach = (host: FakeHost) =>
  host.kernel.held?.programs.some(({ allow }) => allow.some(({ entry }) => entry === '192.168.5.5:22')) ?? false;
const policyOf = async (host: FakeHost) => {
  const reading = await new Store('/var/lib/sluice', host.files).readPolicy();
  if (reading.kind !== 'good') throw new Error(JSON.stringify(reading));
  return reading.value;
};

test.each([false, true])('a change that nobody confirms goes back (daemon: %s)', async (listens) => {
  const host = await changedFor('60s', listens);
  const began = host.now;
  expect(mayReach(host)).toBe(true);
  expect(await letTimerRun(host)).toBe(true);
  expect(host.now - began).toBeGreaterThanOrEqual(60_000);
  expect(host.now - began).toBeLessThan(70_000);
  expect(mayReach(host)).toBe(false);
  const { current, previous, pending, rejected } = await policyOf(host);
  expect(current).toMatchObject({ by: 'confirm-expired', texts: [{ text: articlePolicy }] });
  expect({ previous, pending }).toEqual({ previous: null, pending: null });
  expect(rejected).not.toBeNull();
});

test.each([false, true])('a confirmed change stays, and nobody waits any longer (daemon: %s)', async (listens) => {
  const host = await changedFor('60s', listens);
  host.onSleep = async () => {
    host.onSleep = null;
    expect((await host.sluice(['confirm'])).code).toBe(0);
  };
  const began = host.now;
  expect(await letTimerRun(host)).toBe(false);
  expect(host.now - began).toBeLessThan(5_000);
  expect(mayReach(host)).toBe(true);
  expect((await host.sluice(['confirm'])).code).toBe(1);
});

test('a daemon that dies before the time is up does not keep it from going back', async () => {
  const host = await changedFor('60s', true);
  host.onSleep = () => {
    host.daemon = null;
  };
  expect(await letTimerRun(host)).toBe(true);
  expect(mayReach(host)).toBe(false);
});

test('nor does one that hangs with the state in its hands', async () => {
  const host = await changedFor('60s', true);
  const silent = async () => {
    throw new Error('did not answer');
  };
  host.daemon = { status: silent, apply: silent, rollback: silent, confirm: silent, stop: silent };
  host.locked.add('/var/lib/sluice');
  expect(await letTimerRun(host)).toBe(true);
  expect(mayReach(host)).toBe(false);
});

test('nor an engine that is gone: the rules from before are loaded as they were', async () => {
  const host = await changedFor('60s');
  host.engineError = new EngineError('unreachable', 'there is no engine');
  expect(await letTimerRun(host)).toBe(true);
  expect(mayReach(host)).toBe(false);
  expect((await policyOf(host)).current).toMatchObject({ by: 'confirm-expired', texts: [{ text: articlePolicy }] });
});

test('nor a kernel or a disk that refuses for a while', async () => {
  const host = await changedFor('60s');
  host.kernel.refuses = true;
  let sleeps = 0;
  host.onSleep = () => {
    sleeps += 1;
    if (sleeps === 65) {
      host.kernel.refuses = false;
      host.files.folders.set('/var/lib/sluice', { uid: 0, gid: 0, mode: 0 });
    }
    if (sleeps === 70) host.files.folders.delete('/var/lib/sluice');
  };
  expect(await letTimerRun(host)).toBe(true);
  expect(mayReach(host)).toBe(false);
  expect((await policyOf(host)).pending).toBeNull();
});

test('it gives up one day, and status says so', async () => {
  const host = await changedFor('60s');
  host.kernel.refuses = true;
  expect(await letTimerRun(host)).toBe(false);
  expect((await host.sluice(['status'])).out.replaceAll('\n', ' ')).toContain(
    'and has not: sluice rollback, or sluice confirm',
  );
});

test('the first change of all goes back to nothing', async () => {
  const host = articleHost();
  await host.sluice(['apply', '--confirm', '10s']);
  expect(host.kernel.held).not.toBeNull();
  expect(await letTimerRun(host)).toBe(true);
  expect(host.kernel.held).toBeNull();
  const { current, rejected } = await policyOf(host);
  expect(current).toBeNull();
  expect(rejected).not.toBeNull();
  expect((await host.sluice(['status'])).code).toBe(8);
});

test('the first change of all goes back to nothing when the daemon finds it overdue, as after a reboot', async () => {
  const host = articleHost();
  await host.sluice(['apply', '--confirm', '10s']);
  host.daemonEnds = 'nothing before';
  const { code, err } = await host.sluice(['run']);
  expect({ code, said: err.replaceAll(/\s+/g, ' ').includes('was not confirmed in time') }).toEqual({
    code: 3,
    said: true,
  });
  expect(host.kernel.held).toBeNull();
  expect(await policyOf(host)).toMatchObject({ current: null, pending: null });
});

test('one that was confirmed while the daemon ended stays', async () => {
  const host = articleHost();
  await host.sluice(['apply', '--confirm', '10s']);
  await host.sluice(['confirm']);
  host.daemonEnds = 'nothing before';
  expect((await host.sluice(['run'])).code).toBe(3);
  expect(host.kernel.held).not.toBeNull();
  expect((await policyOf(host)).current).not.toBeNull();
});

test('two changes, the second before the first was confirmed: both go back to the last that stood for good', async () => {
  const host = await changedFor('60s');
  const [first] = host.orders;
  host.files.write(configured, looser.replace(':22', ':23'));
  await host.sluice(['apply', '--confirm', '60s']);
  expect(host.orders.length).toBe(2);
  expect(host.orders[0]?.token).not.toBe(host.orders[1]?.token);
  expect(first).toBeDefined();
  expect(await letTimerRun(host)).toBe(true);
  expect((await policyOf(host)).current?.texts[0]?.text).toBe(articlePolicy);
});

test('the one who waits for another change takes nothing back', async () => {
  const host = await changedFor('60s');
  await host.sluice(['confirm']);
  host.files.write(configured, looser.replace(':22', ':23'));
  await host.sluice(['apply']);
  expect(await letTimerRun(host)).toBe(false);
  expect((await policyOf(host)).current?.texts[0]?.text).toContain(':23');
});

test('when the kernel refuses the change, nothing waits', async () => {
  const host = articleHost();
  await host.sluice(['apply']);
  host.files.write(configured, looser);
  host.kernel.refuses = true;
  expect((await host.sluice(['apply', '--confirm', '60s'])).code).toBe(3);
  expect(await policyOf(host)).toMatchObject({ current: { texts: [{ text: articlePolicy }] }, pending: null });
});

test('over something unknown it is refused, and nothing changes', async () => {
  const host = articleHost();
  await host.sluice(['apply']);
  await host.files.remove('/var/lib/sluice/policy.json');
  host.files.write(configured, looser);
  const { code, err } = await host.sluice(['apply', '--confirm', '60s']);
  expect(code).toBe(3);
  expect(err).toContain('is not known, so the change could not go back by itself');
  expect(mayReach(host)).toBe(false);
  expect(host.orders).toEqual([]);
});

test.each(['9s', '0', '61m', '2h', '1d', 'soon', '-5s'])('--confirm %s is no time for it', async (time) => {
  const { code, err } = await articleHost().sluice(['apply', `--confirm=${time}`]);
  expect(code).toBe(2);
  expect(err).toContain('from 10s to 1h');
});

test('rollback goes back, with and without a daemon, and only once', async () => {
  for (const listens of [false, true]) {
    const host = articleHost();
    await host.sluice(['apply']);
    host.files.write(configured, looser);
    await host.sluice(['apply']);
    if (listens) host.daemon = fakeDaemon(host);
    expect((await host.sluice(['rollback'])).code).toBe(0);
    expect(mayReach(host)).toBe(false);
    expect((await policyOf(host)).current?.by).toBe('rollback');
    expect((await host.sluice(['rollback'])).code).toBe(1);
  }
});

test.each(['confirm', 'rollback', 'status', 'run'])('%s needs root and says so', async (command) => {
  const host = articleHost();
  host.user = { uid: 1000, gid: 1000 };
  const { code, err } = await host.sluice([command]);
  expect(code).toBe(3);
  expect(err).toContain('sudo');
});
