import { describe, expect, test } from 'vitest';
import type { Daemon } from '../../src/daemon/daemon.ts';
import { readPolicy } from '../../src/policy/read.ts';
import { digestOf, noPolicy, putInForce } from '../../src/state/policy-state.ts';
import { calm, DaemonHost, filesOf, settled, soon, textsOf, wait } from './host.ts';

describe('what is asked at the same time', () => {
  test('a change that was confirmed does not go back', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.files = filesOf('[same-network]');
    const { digest } = host.files;
    const until = Date.now() + 60_000;
    expect(await daemon.apply({ digest, confirm: { until, token: 't' } })).toMatchObject({ ok: true });
    host.slowness.engine = 30;
    const kept = daemon.confirm();
    const back = daemon.rollback({ by: 'confirm-expired', token: 't' });
    expect(await kept).toEqual({ confirmed: true });
    expect(await back).toMatchObject({ ok: false, code: 'not-pending' });
    expect(host.state.current?.digest).toBe(digest);
    await daemon.stop();
  });

  test('one that is overdue, and before which nothing was in force, ends the daemon', async () => {
    const host = new DaemonHost();
    const files = filesOf('[internet]');
    host.files = files;
    const pending = { digest: files.digest, until: Date.now() - 60_000, token: 't' };
    const policy = putInForce(noPolicy, files.texts, { now: 1, before: 'nothing', pending });
    const daemon = await host.start({ policy });
    expect(host.endings).toBeGreaterThan(0);
    await daemon.stop();
  });

  test('reading the same files again confirms nothing', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.slowness.engine = 30;
    host.files = filesOf('[same-network]');
    const until = Date.now() + 60_000;
    const applied = daemon.apply({ digest: host.files.digest, confirm: { until, token: 't' } });
    const reloaded = daemon.reload();
    expect(await applied).toMatchObject({ ok: true, pending: { token: 't' } });
    await reloaded;
    expect(host.state.pending?.token).toBe('t');
    await daemon.stop();
  });

  test('what was read from the files earlier does not come in force after what was applied since', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.slowness.files = 100;
    host.files = filesOf('none');
    const reloaded = daemon.reload();
    await wait(10);
    host.slowness.files = 0;
    host.files = filesOf('[same-network]');
    const { digest } = host.files;
    expect(await daemon.apply({ digest })).toMatchObject({ ok: true, digest });
    await reloaded;
    expect(host.state.current?.digest).toBe(digest);
    await daemon.stop();
  });
});

describe('good files that are read at a bad moment', () => {
  /** What status says of them. */
  const told = async (daemon: Daemon) => {
    const { policy, troubles } = await daemon.status();
    return { digest: policy?.digest, waits: troubles.some(({ code }) => code === 'not-taken') };
  };

  test('are in force as soon as the engine has answered for the first time', async () => {
    const host = new DaemonHost();
    host.engineAway = true;
    const daemon = await host.start();
    host.files = filesOf('[same-network]');
    const { digest } = host.files;
    await daemon.reload();
    expect(await told(daemon)).toMatchObject({ waits: true });
    host.engineAway = false;
    host.wake();
    await soon(async () => expect(await told(daemon)).toEqual({ digest, waits: false }));
    await daemon.stop();
  });

  test.each([
    ['the kernel takes a load again', 'nftRefuses'],
    ['there is room for the state again', 'policyUnwritable'],
  ] as const)('are in force when %s', async (_, fault) => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host[fault] = true;
    host.files = filesOf('[same-network]');
    const { digest } = host.files;
    await daemon.reload();
    expect(await told(daemon)).toEqual({ digest: filesOf('[internet]').digest, waits: true });
    host[fault] = false;
    host.wake();
    await soon(async () => expect(await told(daemon)).toEqual({ digest, waits: false }));
    await daemon.stop();
  });

  test('wait a minute where they are refused again', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.policyUnwritable = true;
    host.files = filesOf('[same-network]');
    const { digest } = host.files;
    await daemon.reload();
    await wait(1_500);
    host.policyUnwritable = false;
    host.wake();
    await calm(host);
    expect(await told(daemon)).toMatchObject({ waits: true });
    host.now = () => Date.now() + 60_000;
    host.wake();
    await soon(async () => expect(await told(daemon)).toEqual({ digest, waits: false }));
    await daemon.stop();
  });

  test.each([
    ['have changed since, which nobody has asked for', (host: DaemonHost) => void (host.files = filesOf('none'))],
    [
      'are older than what somebody went back to',
      (_: DaemonHost, daemon: Daemon) => daemon.rollback({ by: 'rollback' }),
    ],
  ])('are not taken where they %s', async (_, meanwhile) => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.files = filesOf('[host]');
    await daemon.reload();
    host.policyUnwritable = true;
    host.files = filesOf('[same-network]');
    await daemon.reload();
    await meanwhile(host, daemon);
    host.policyUnwritable = false;
    const { digest } = await told(daemon);
    await wait(1_500);
    expect(await told(daemon)).toEqual({ digest, waits: false });
    await daemon.stop();
  });
});

test('a disk that takes its time keeps no change of the kernel waiting', async () => {
  const host = new DaemonHost();
  const daemon = await settled(host);
  await soon(() => expect(host.rules).not.toBe(''));
  const before = host.rules;
  const disk = Promise.withResolvers<void>();
  host.disk = disk.promise;
  host.files = filesOf('[same-network]');
  let answers = 0;
  const applied = daemon.apply({ digest: host.files.digest }).finally(() => answers++);
  await soon(() => expect(host.loads).not.toEqual([]));
  const loads = host.loads.length;
  const back = daemon.rollback({ by: 'rollback' }).finally(() => answers++);
  await soon(() => expect(host.loads.length).toBeGreaterThan(loads));
  // neither is answered for before it is remembered, and what is written last is what is in force last
  expect([answers, host.rules]).toEqual([0, before]);
  disk.resolve();
  expect(await applied).toMatchObject({ ok: true, warnings: [] });
  expect(await back).toMatchObject({ ok: true, digest: filesOf('[internet]').digest, warnings: [] });
  expect(host.rules).toBe(before);
  await daemon.stop();
});

test('a state that could not be written is written when there is room again', async () => {
  const host = new DaemonHost();
  const daemon = await settled(host);
  host.diskFull = true;
  host.files = filesOf('[same-network]');
  expect(await daemon.apply({ digest: host.files.digest })).toMatchObject({ ok: true, warnings: [expect.anything()] });
  expect((await daemon.status()).troubles.map(({ code }) => code)).toContain('state-broken');
  host.diskFull = false;
  host.wake();
  await soon(async () => expect((await daemon.status()).troubles).toEqual([]));
  await daemon.stop();
});

test('what was not confirmed when the daemon was away goes back when it comes', async () => {
  const host = new DaemonHost();
  const record = (allow: string) =>
    ({ digest: filesOf(allow).digest, since: 1, by: 'files', texts: textsOf(allow) }) as const;
  const pending = { digest: filesOf('[internet]').digest, until: Date.now() - 60_000, token: 't' };
  const policy = { ...noPolicy, current: record('[internet]'), previous: record('none'), pending };
  const daemon = await host.start({ policy });
  await soon(() =>
    expect(host.state).toMatchObject({
      current: { digest: filesOf('none').digest, by: 'confirm-expired' },
      pending: null,
    }),
  );
  await daemon.stop();
});

test('what was not confirmed before the host went down is not held first, though the engine comes later', async () => {
  const host = new DaemonHost();
  host.engineAway = true;
  const record = (allow: string) =>
    ({ digest: filesOf(allow).digest, since: 1, by: 'files', texts: textsOf(allow) }) as const;
  const pending = { digest: filesOf('[internet]').digest, until: Date.now() - 60_000, token: 't' };
  const policy = { ...noPolicy, current: record('[internet]'), previous: record('none'), pending };
  const daemon = await host.start({ policy });
  expect(host.log.filter((line) => line.startsWith('error could not go back'))).toHaveLength(1);
  host.engineAway = false;
  host.wake();
  await soon(async () => expect(host.applied).not.toBeNull());
  expect(host.state).toMatchObject({ current: { by: 'confirm-expired' }, pending: null });
  // nothing that any load gave the kernel lets anybody out
  const alone = new DaemonHost();
  alone.files = filesOf('[internet]');
  const other = await alone.start();
  await soon(() => expect(alone.applied).not.toBeNull());
  await other.stop();
  const letsOut = (loads: readonly string[]) => loads.some((text) => text.includes('ip daddr @addresses4/'));
  expect([letsOut(alone.loads), letsOut(host.loads)]).toEqual([true, false]);
  await daemon.stop();
});

test('going back is held though it cannot be remembered, and is remembered when there is room', async () => {
  const host = new DaemonHost();
  const daemon = await settled(host);
  const before = filesOf('[internet]');
  host.files = filesOf('none');
  const until = Date.now() + 60_000;
  expect(await daemon.apply({ digest: host.files.digest, confirm: { until, token: 't' } })).toMatchObject({ ok: true });
  host.policyUnwritable = true;
  expect(await daemon.apply({ digest: host.files.digest })).toMatchObject({ ok: false, code: 'state-unwritable' });
  const back = await daemon.rollback({ by: 'confirm-expired', token: 't' });
  expect(back).toMatchObject({ ok: true, digest: before.digest, pending: null });
  expect(back).toMatchObject({ warnings: [expect.stringContaining('the policy could not be remembered')] });
  expect((await daemon.status()).troubles.map(({ code }) => code)).toContain('state-broken');
  expect(host.state.pending?.token).toBe('t');
  host.policyUnwritable = false;
  host.wake();
  await soon(() => expect(host.state).toMatchObject({ current: { digest: before.digest }, pending: null }));
  await daemon.stop();
});

test('a policy that could not be remembered keeps nothing else from being held, and what is in force is written again', async () => {
  const host = new DaemonHost();
  const daemon = await settled(host);
  const { current } = host.state;
  host.files = filesOf('[same-network]');
  host.policyUnwritable = true;
  expect(await daemon.apply({ digest: host.files.digest })).toMatchObject({ ok: false, code: 'state-unwritable' });
  host.state = noPolicy; // as if what could not be written were there all the same
  const [leaving] = host.world.containers;
  host.world = { ...host.world, containers: host.world.containers.filter((one) => one !== leaving) };
  host.elements.length = 0;
  host.wake();
  await soon(() => expect(host.loads.length + host.elements.length).toBeGreaterThan(0));
  expect((await daemon.status()).troubles.map(({ code }) => code)).toEqual(['state-broken']);
  host.policyUnwritable = false;
  host.wake();
  await soon(() => expect(host.state.current).toEqual(current));
  expect((await daemon.status()).troubles).toEqual([]);
  await daemon.stop();
});

test('the rules for the next start are written anew when only what unknown bridges may do changes', async () => {
  const host = new DaemonHost();
  const daemon = await settled(host);
  await soon(() => expect(host.rules).not.toBe(''));
  const before = host.rules;
  const good = filesOf('[internet]');
  const [file] = good.texts;
  if (file === undefined) throw new Error('no file');
  const texts = [{ ...file, text: `${file.text}defaults: { unknown-bridge: deny }\n` }];
  const { policy } = readPolicy(texts, { now: Date.now() });
  if (policy === null) throw new Error('a bad fixture');
  host.files = { kind: 'good', policy, texts, digest: digestOf(texts) };
  expect(await daemon.apply({ digest: host.files.digest })).toMatchObject({ ok: true });
  expect(host.rules).not.toBe(before);
  await daemon.stop();
});
