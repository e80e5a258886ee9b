import { expect, test, vi } from 'vitest';
import { desiredCapabilities, missingOf, requiredCapabilities } from '../../src/daemon/capabilities.ts';
import { DaemonHost } from './host.ts';

const all = [...requiredCapabilities, ...desiredCapabilities];
const names = (status: string | undefined) => missingOf(all, status).map(({ name }) => name);

test.each([
  ['root', '000001ffffffffff', []],
  ['exactly what is needed', '0000000000801000', []],
  ['an ordinary container', '00000000a80425fb', ['CAP_NET_ADMIN', 'CAP_SYS_NICE']],
  ['a container with NET_ADMIN', '00000000a80435fb', ['CAP_SYS_NICE']],
  ['everything else', '000001ffff7fefff', ['CAP_NET_ADMIN', 'CAP_SYS_NICE']],
  ['nothing', '0000000000000000', ['CAP_NET_ADMIN', 'CAP_SYS_NICE']],
])('of %s it is told what is missing', (_, effective, missing) => {
  expect(names(`Name:\tnode\nCapPrm:\t0000000000000000\nCapEff:\t${effective}\nCapBnd:\tffffffffffffffff\n`)).toEqual(
    missing,
  );
});

test('where the kernel does not say, nothing is missing', () => {
  expect([names(undefined), names('Name:\tnode\n')]).toEqual([[], []]);
});

test('the daemon runs degraded without one that it only does better with, as long as it runs', async () => {
  const host = new DaemonHost();
  host.lacks = [{ code: 'not-allowed', message: 'CAP_SYS_NICE is missing', fix: 'let it have CAP_SYS_NICE' }];
  const daemon = await host.start();
  await vi.waitFor(() => expect(host.loads.length).toBeGreaterThan(0), { timeout: 20_000 });
  expect(await daemon.status()).toMatchObject({ state: 'degraded', troubles: [{ code: 'not-allowed' }] });
  expect(host.log.join('\n')).toContain('CAP_SYS_NICE is missing');
  await daemon.stop();
});
