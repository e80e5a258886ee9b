import { expect, test } from 'vitest';
import { DaemonHost, filesOf, settled, soon } from './host.ts';

test('a daemon that has ended puts nothing in force any more that it was reading', async () => {
  const host = new DaemonHost();
  const daemon = await settled(host);
  const before = host.state;
  host.files = filesOf('none');
  host.slowness.files = 50;
  const { digest } = host.files;
  const asked = [daemon.reload(), daemon.apply({ digest: digest ?? '' })] as const;
  await daemon.stop();
  const stood = host.loads.length;
  expect(await asked[1]).toMatchObject({ ok: false, code: 'ending' });
  await asked[0];
  expect(host.loads.length).toBe(stood);
  expect(host.state).toEqual(before);
  expect(host.log.filter((line) => line.startsWith('error'))).toEqual([]);
});

test('what was in force stays so with the next one of the process, whatever the files say by now', async () => {
  const host = new DaemonHost();
  const first = await settled(host);
  const { policy } = await first.status();
  await first.stop();
  host.files = filesOf('none');
  const next = await host.startAfter(first.handed);
  await soon(async () => expect((await next.status()).policy).toEqual(policy));
  expect((await next.status()).filesDiffer).toBe(true);
  await next.reload(); // until somebody asks for them
  expect((await next.status()).policy?.digest).toBe(host.files.digest);
  await next.stop();
});
