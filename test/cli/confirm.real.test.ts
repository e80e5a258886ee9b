import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { until } from '../../lab/exec.ts';
import { checkout } from '../../lab/host.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import type { BackendName } from '../../src/enforce/backend.ts';
import { holdWith, isWhole, waysOf } from '../packets/backends.ts';
import { emptyKernel } from '../packets/kernel.ts';
import { type Attempt, applyPolicy, expectAllowed, expectDenied } from '../packets/support.ts';

const tight = readFileSync(join(checkout, 'examples/article/policy.yaml'), 'utf8').replace(/tests:[\s\S]*/, '');
const looser = tight.replace('internet]', `internet, "${places.private.v4}:22"]`);
const ssh: readonly Attempt[] = [{ from: 'app/app', to: places.private.v4, port: 22 }];

/** Seconds: what happens before the change goes back takes two, and on a busy machine more. */
const limit = 12;
const changeIn = `apply --confirm ${limit}s`;
const enough = 60_000; // ms: the limit, and time to go back on a busy machine

const ways = waysOf({ '28.5': 'iptables-legacy' }).filter(({ engine }) => isWhole || engine === '28.5');

describe.each(ways)('on engine $name', ({ engine, backend }) => {
  /** In a sample, what is the same whatever holds the rules is seen with one backend. */
  const isTried = (by: BackendName) => isWhole || backend === by;
  let site: Site;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine }), backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    await site.host.sluiceCommand(); // makes the build visible there
  });

  afterAll(async () => site?.stop());

  /** Starts a command line that applies the change and stays; comes back when the change is in force. */
  async function changed(command: readonly string[]): Promise<ChildProcessWithoutNullStreams> {
    site.host.write('/etc/sluice/policy.yaml', looser);
    const caller = site.host.spawn(command);
    let said = '';
    for (const stream of [caller.stdout, caller.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()));
    await until(`the change, in ${said}`, async () => (said.includes('It goes back') ? true : undefined), enough);
    return caller;
  }

  const processes = async (words: string) =>
    (await site.host.run(['pgrep', '-f', words])).stdout.split('\n').filter((line) => line !== '');

  /** Kills whoever has these words in his command line, and whomever such a one has started meanwhile. */
  async function killAll(words: string): Promise<void> {
    const none = async () => {
      const left = await processes(words);
      for (const pid of left) await site.host.run(['kill', '-9', pid]);
      return left.length === 0 ? true : undefined;
    };
    await until(`the end of ${words}`, none, enough);
  }

  const policyState = () =>
    JSON.parse(site.host.read('/var/lib/sluice/policy.json').split('\n')[1] ?? '') as {
      current: { by: string } | null;
      pending: object | null;
    };

  async function expectBack(): Promise<void> {
    await until('going back', async () => (policyState().pending === null ? true : undefined), enough);
    await expectDenied(site, ssh);
    expect(policyState().current?.by).toBe('confirm-expired');
    await noTimer();
  }

  /** Whoever waited has ended. */
  async function noTimer(): Promise<void> {
    await until('its end', async () => ((await processes('_confirm-timer')).length === 0 ? true : undefined), enough);
  }

  describe('a change that nobody confirms goes back', () => {
    if (isTried('nftables'))
      test('the first of all to nothing, after a boot, when nobody has waited for it', async () => {
        const engines = await site.host.must(['iptables-save']);
        site.host.write('/etc/sluice/policy.yaml', tight);
        expect((await site.host.sluice('apply', '--confirm', '10s', '--backend', backend)).code).toBe(0);
        await expectDenied(site, ssh);
        await killAll('_confirm-timer');
        await emptyKernel(site);
        await site.host.must(['iptables-restore'], { input: engines });
        await sleep(10_000 + 21_000); // its time, and the daemon's patience with whoever waits
        const { code, stderr } = await site.host.sluice('run');
        expect({ code, said: stderr.includes('was not confirmed in time') }).toEqual({ code: 3, said: true });
        await expectAllowed(site, ssh);
        expect(policyState()).toMatchObject({ current: null, pending: null });
        expect((await site.host.sluice('status')).code).toBe(8);
      });

    if (isTried('nftables'))
      test('after its caller was killed', async () => {
        await applyPolicy(site, tight);
        await expectDenied(site, ssh);
        const caller = await changed(['sh', '-c', `/opt/sluice/dist/sluice ${changeIn}; sleep 300`]);
        await killAll('sleep 300');
        caller.kill('SIGKILL');
        await expectAllowed(site, ssh);
        await expectBack();
        const late = await site.host.sluice('confirm');
        expect({ code: late.code, out: late.stdout.startsWith('Too late') }).toEqual({ code: 1, out: true });
      });

    if (isTried('iptables-legacy'))
      test('after its terminal was closed, with everything in its session', async () => {
        await applyPolicy(site, tight);
        const caller = await changed(['script', '-qec', `/opt/sluice/dist/sluice ${changeIn}; sleep 300`, '/dev/null']);
        // the master's end closes with script: the kernel hangs up on the whole session
        for (const pid of await processes('script -qec')) await site.host.run(['kill', '-9', pid]);
        await until(
          'the session to end',
          async () => ((await processes('sleep 300')).length === 0 ? true : undefined),
          enough,
        );
        caller.kill('SIGKILL');
        await expectAllowed(site, ssh);
        await expectBack();
      });

    test('without an engine, by the rules from before', async () => {
      await applyPolicy(site, tight);
      await changed(['sh', '-c', `/opt/sluice/dist/sluice ${changeIn}`]);
      await expectAllowed(site, ssh);
      await site.host.run(['mv', '/run/docker.sock', '/run/docker.away']);
      await until('going back', async () => (policyState().pending === null ? true : undefined), enough);
      await site.host.run(['mv', '/run/docker.away', '/run/docker.sock']);
      await expectBack();
    });

    if (isTried('iptables-legacy'))
      test('and one that is confirmed from another shell stays', async () => {
        await applyPolicy(site, tight);
        await changed(['sh', '-c', `/opt/sluice/dist/sluice ${changeIn}`]);
        expect((await site.host.sluice('confirm')).code).toBe(0);
        await sleep((limit + 2) * 1_000);
        await expectAllowed(site, ssh);
        await noTimer();
        const back = await site.host.sluice('rollback');
        expect(back.code, back.stderr).toBe(0);
        await expectDenied(site, ssh);
      });
  });

  if (isTried('nftables'))
    describe('beside the daemon', () => {
      let daemon: ChildProcessWithoutNullStreams;
      let log = '';

      async function start(): Promise<void> {
        log = '';
        daemon = site.host.spawn(await site.host.sluiceCommand('run', '--backend', backend));
        daemon.stderr.on('data', (data: Buffer) => (log += data.toString()));
        await until('the daemon', async () => ((await status()).state === 'enforcing' ? true : undefined), enough);
      }

      const status = async () => {
        const { code, stdout } = await site.host.sluice('status', '--json');
        return {
          code,
          ...(JSON.parse(stdout) as { running?: boolean; state?: string; pid?: number; filesDiffer?: boolean }),
        };
      };

      const kill = async () => {
        const { pid } = await status();
        await site.host.must(['kill', '-9', String(pid)]);
        await until('its end', async () => ((await status()).running === false ? true : undefined), enough);
      };

      test('the change goes back through it, and stays so when the files are read again and when it starts again', async () => {
        site.host.write('/etc/sluice/policy.yaml', tight);
        await start();
        const caller = await changed(['sh', '-c', `/opt/sluice/dist/sluice ${changeIn}; sleep 300`]);
        caller.kill('SIGKILL');
        await expectAllowed(site, ssh);
        await site.host.must(['kill', '-HUP', String((await status()).pid)]); // which is no confirmation
        await expectBack();
        await site.host.must(['kill', '-HUP', String((await status()).pid)]);
        await sleep(1_000);
        await expectDenied(site, ssh);
        expect(await status()).toMatchObject({ code: 0, filesDiffer: true });
        await kill();
        expect(await status()).toMatchObject({ code: 7, running: false });
        await expectDenied(site, ssh);
        await start();
        await expectDenied(site, ssh);
        expect(policyState().current?.by).toBe('confirm-expired');
      });

      test('the change goes back when the daemon is killed before the time is up', async () => {
        site.host.write('/etc/sluice/policy.yaml', tight);
        expect((await site.host.sluice('apply')).code).toBe(0);
        await changed(['sh', '-c', `/opt/sluice/dist/sluice ${changeIn}`]);
        await kill();
        await expectAllowed(site, ssh);
        await expectBack();
      });

      test('down stops it first, and says so', async () => {
        await start();
        const { pid } = await status();
        const second = await site.host.sluice('run');
        expect({ code: second.code, said: second.stderr.includes(`already running (pid ${pid})`) }).toEqual({
          code: 3,
          said: true,
        });
        const down = await site.host.sluice('down');
        expect({ code: down.code, err: down.stderr }).toEqual({ code: 0, err: '' });
        expect(down.stdout).toContain(`The daemon (pid ${pid}) was stopped.`);
        expect(await status()).toMatchObject({ code: 8, running: false });
        await expectAllowed(site, ssh);
        expect(log).not.toContain(' error ');
      });
    });

  if (isTried('nftables'))
    test('plan names a live connection that would be cut, with its age where the kernel keeps it', {
      timeout: 120_000,
    }, async () => {
      await applyPolicy(site, looser);
      await site.host.sysctl({ 'net.netfilter.nf_conntrack_timestamp': 1 });
      const began = Date.now();
      const stream = await site.host.stream('app/app', { proto: 'tcp', to: places.private.v4, port: 22, rate: 20 });
      const plan = async () => {
        const { code, stdout } = await site.host.sluice('plan', '--json');
        return { code, cut: (JSON.parse(stdout) as { cut: { to: string; port: number; since: number | null }[] }).cut };
      };
      expect(await plan()).toEqual({ code: 0, cut: [] });
      site.host.write('/etc/sluice/policy.yaml', tight);
      await until('the connection', async () => ((await plan()).cut.length > 0 ? true : undefined), enough);
      const { code, cut } = await plan();
      expect({ code, cut }).toMatchObject({ code: 2, cut: [{ workload: 'app/app', to: places.private.v4, port: 22 }] });
      expect(Math.abs((cut[0]?.since ?? 0) - began)).toBeLessThan(20_000);
      expect((await site.host.sluice('plan')).stdout).toMatch(
        /1 live connection: 192\.168\.5\.5:22\/tcp \(for \d+ seconds?\)/,
      );
      expect((await site.host.sluice('apply')).code).toBe(0);
      expect(await plan()).toEqual({ code: 0, cut: [] });
      await stream.stop();
    });
});
