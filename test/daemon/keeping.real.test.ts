import { afterEach, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import type { Daemon } from '../../lab/daemon.ts';
import { until } from '../../lab/exec.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { isWhole, waysOf } from '../packets/backends.ts';
import { emptyKernel } from '../packets/kernel.ts';

const policyFile = '/etc/sluice/policy.yaml';
const state = '/var/lib/sluice';
const policy = (allow: string) => `version: 1\nprojects: { app: { allow: ${allow} } }\n`;
const broken = 'version: 1\nprojects: { app: { alow: none } }\n';

/** What a daemon is kept true by while files, state and engine are not as they should be: by the packets of containers. */
describe.each(waysOf({ '28.5': 'iptables-legacy' }).filter(({ engine }) => isWhole || engine === '28.5'))(
  'the daemon, on a real host with engine $name',
  { timeout: 120_000 },
  ({ engine, backend }) => {
    let site: Site;
    const by = ['--backend', backend];
    /** In a sample, what is the same whatever holds the rules is seen with nftables. */
    const isTriedAlike = isWhole || backend === 'nftables';
    afterEach(() => site?.stop());

    async function open(): Promise<void> {
      site = await openSite({ engine });
      await site.host.compose('app', article(), 'up', '-d');
      await site.host.docker('network', 'create', 'others');
      await site.host.docker('run', '-d', '--name', 'other', '--network', 'others', 'lab/app');
      await site.host.docker('run', '-d', '--name', 'plain', 'lab/app');
    }

    /** Which of them reach a private host. */
    async function reaching(...names: readonly string[]): Promise<readonly string[]> {
      const probes = await site.host.probeMany(
        names.map((from) => ({ from, to: site.private.v4, proto: 'udp', port: 443, timeout: 300 })),
      );
      return names.filter((_, at) => probes[at]?.arrived);
    }

    const everybody = ['app/app', 'other', 'plain'] as const;
    const codes = async (daemon: Daemon) => (await daemon.status()).troubles.map(({ code }) => code);
    const exitOf = async (...args: readonly string[]) => (await site.host.sluice(...args)).code;

    if (isTriedAlike)
      test('with --watch every change of the policy file is taken, and a broken one is told and changes nothing', async () => {
        await open();
        site.host.write(policyFile, policy('none'));
        const daemon = await site.host.daemon({ args: ['--watch', ...by] });
        expect(await reaching(...everybody)).toEqual(['other', 'plain']);
        site.host.write(policyFile, policy('any'));
        await until('the change is in force', async () =>
          (await reaching('app/app')).length === 1 ? true : undefined,
        );
        expect(await daemon.status()).toMatchObject({ filesDiffer: false, troubles: [] });
        site.host.write(policyFile, broken);
        await until('the mistake is told', async () =>
          (await codes(daemon)).includes('policy-bad') ? true : undefined,
        );
        expect(await reaching('app/app')).toEqual(['app/app']);
        // as editors save
        site.host.write(`${policyFile}.new`, policy('none'));
        await site.host.must(['mv', `${policyFile}.new`, policyFile]);
        await until('the mended one is in force', async () =>
          (await reaching('app/app')).length === 0 ? true : undefined,
        );
        await until('nothing is wrong', async () => ((await codes(daemon)).length === 0 ? true : undefined));
      });

    test('with neither a policy that was in force nor one to read, nothing leaves any bridge until there is one', async () => {
      await open();
      site.host.write(policyFile, policy('any'));
      const first = await site.host.daemon({ args: by });
      expect(await reaching(...everybody)).toEqual([...everybody]);
      await first.kill();
      site.host.write(`${state}/policy.json`, 'damaged');
      await emptyKernel(site);
      site.host.write(policyFile, broken);
      const daemon = await site.host.daemon({ args: by, impatient: true });
      await until('it denies', async () => ((await reaching(...everybody)).length === 0 ? true : undefined));
      expect(await codes(daemon)).toContain('denying-all');
      expect(await exitOf('status')).toBe(6);
      // what was damaged is set aside by now: the next start, and a boot, find no trace of a policy
      await daemon.kill();
      await emptyKernel(site);
      expect(await reaching(...everybody)).toEqual([...everybody]);
      const next = await site.host.daemon({ args: by, impatient: true });
      await until('it denies', async () => ((await reaching(...everybody)).length === 0 ? true : undefined));
      expect(await codes(next)).toContain('denying-all');
      expect(await exitOf('status')).toBe(6);
      site.host.write(policyFile, policy('any'));
      expect(await exitOf('apply')).toBe(0);
      expect(await reaching(...everybody)).toEqual([...everybody]);
      expect(await exitOf('status')).toBe(0);
    });

    test('state that is damaged is set aside with a word, and the policy file compiled afresh', async () => {
      await open();
      site.host.write(policyFile, policy('none'));
      await (await site.host.daemon({ args: by })).kill();
      await site.host.must(['sh', '-c', `for part in ${state}/*; do [ -f "$part" ] && echo damaged > "$part"; done`]);
      await emptyKernel(site);
      const daemon = await site.host.daemon({ args: by });
      expect(await reaching(...everybody)).toEqual(['other', 'plain']);
      expect(await codes(daemon)).toEqual([]);
      expect(daemon.log).toContain('set aside');
    });

    test('the rules from before stand without engine and policy, and nobody passes by them who is not proven', async () => {
      await open();
      site.host.write(policyFile, policy('any'));
      const first = await site.host.daemon({ args: by });
      const written = () => site.host.run(['test', '-f', `${state}/rules.nft`]);
      await until('the rules are written down', async () => ((await written()).code === 0 ? true : undefined));
      await first.kill();
      await emptyKernel(site);
      await site.host.must(['rm', policyFile]);
      expect(await reaching(...everybody)).toEqual([...everybody]);
      // which also tell in what they are held
      const daemon = await site.host.daemon({ args: ['--host', 'unix:///run/nobody.sock'], impatient: true });
      await until('it answers', async () => ((await daemon.status().catch(() => null)) === null ? undefined : true));
      expect(await reaching(...everybody)).toEqual(['other', 'plain']);
      expect(await daemon.status()).toMatchObject({ backend });
      expect(await codes(daemon)).toContain('engine-gone');
      await daemon.kill();
      await site.host.daemon();
      expect(await reaching(...everybody)).toEqual([...everybody]);
    });

    test('with neither rules nor engine nothing leaves the bridges of the engine, until it tells who is there', async () => {
      await open();
      site.host.write(policyFile, policy('none'));
      await (await site.host.daemon({ args: by })).kill();
      await site.host.docker('network', 'create', '-o', 'com.docker.network.bridge.name=lan7', 'pinned');
      await site.host.docker('run', '-d', '--name', 'pinned', '--network', 'pinned', 'lab/app');
      await emptyKernel(site);
      await site.host.must(['rm', '-r', state]);
      const nobody = ['--host', 'unix:///run/nobody.sock'];
      const away = await site.host.daemon({ args: [...nobody, ...by], impatient: true });
      await until('it denies', async () => ((await reaching(...everybody)).length === 0 ? true : undefined));
      // the engine alone knows its bridge from somebody else's
      expect(await reaching('pinned')).toEqual(['pinned']);
      expect(await codes(away)).toEqual(expect.arrayContaining(['engine-gone', 'denying-all']));
      expect(await exitOf('status')).toBe(6);
      await away.kill();
      await site.host.daemon();
      expect(await reaching(...everybody)).toEqual(['other', 'plain']);
      expect(await exitOf('status')).toBe(0);
    });

    if (isTriedAlike)
      test('what a build from nothing leaves behind, a container of no image, keeps nobody from being followed', async () => {
        await open();
        site.host.write(policyFile, policy('none'));
        const daemon = await site.host.daemon({ args: by });
        site.host.write('/srv/nothing/Dockerfile', 'FROM scratch\nRUN ["/nothing"]\n');
        const built = await site.host.run(['docker', 'build', '/srv/nothing'], { env: { DOCKER_BUILDKIT: '0' } });
        expect(built.code).not.toBe(0);
        const left = await site.host.docker('ps', '-aq', '--filter', 'status=created');
        expect(left).toMatch(/^[0-9a-f]{12}$/);
        expect(await site.host.docker('inspect', '-f', '<{{.Image}}>', left)).toBe('<>');
        await site.host.docker('network', 'create', 'more');
        const run = (name: string, ...more: string[]) =>
          site.host.docker('run', '-d', '--name', name, '--network', 'more', ...more, 'lab/app');
        await run('free');
        await run('held', '--label', 'com.docker.compose.project=app', '--label', 'com.docker.compose.service=late');
        await daemon.settled();
        expect(await reaching('free', 'held')).toEqual(['free']);
        expect(await codes(daemon)).toEqual([]);
        expect([0, 2]).toContain(await exitOf('plan')); // what stands may not be written down yet
      });
  },
);
