/** What the daemon itself is to others: nobody reaches it, and it may do no more than it must. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { controlSocket, type Daemon } from '../../lab/daemon.ts';
import { until } from '../../lab/exec.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { desiredCapabilities, iptablesCapabilities, requiredCapabilities } from '../../src/daemon/capabilities.ts';
import { openPorts, socketsOf } from './sockets-of.ts';
import { expectAllowed, expectDenied } from './support.ts';
import { asUnit, boundingSet, settings } from './unit.ts';

let site: Site;
let daemon: Daemon | null = null;
beforeAll(async () => {
  site = await openSite({ engine: '28.5' });
  await site.host.compose('app', article(), 'up', '-d', 'app', 'mongo');
});
afterAll(() => site?.stop());
afterEach(async () => {
  await daemon?.[Symbol.asyncDispose]();
  daemon = null;
});

const policy = (allow: string) => `version: 1\nprojects: { app: { allow: ${allow} } }\n`;
const started = async (allow: string, under: readonly string[] = [], args: readonly string[] = []): Promise<Daemon> => {
  site.host.write('/etc/sluice/policy.yaml', policy(allow));
  return (daemon = await site.host.daemon({ under, args }));
};

describe('nobody reaches the daemon', () => {
  test('it listens at its control socket alone, and has nothing open but unix sockets and netlink', async () => {
    const { pid } = await started('any');
    const all = socketsOf(pid);
    expect(all.filter(({ kind }) => kind !== 'unix' && kind !== 'netlink')).toEqual([]);
    expect(all.filter(({ kind }) => kind === 'netlink').length).toBeGreaterThan(0);
    expect(all.filter(({ listens }) => listens).map(({ path }) => path)).toEqual([controlSocket]);
    expect(all.filter(({ path }) => path.startsWith('@'))).toEqual([]);

    // the same eyes see somebody who does listen
    const server = site.host.spawn(['/run/labtool', 'serve', 'tcp', '7777', 'udp', '7777']);
    const entrance = server.pid ?? 0;
    const kinds = () =>
      socketsOf(entrance)
        .filter(({ listens }) => listens)
        .map(({ kind }) => kind);
    for (const protocol of ['tcp', 'udp'])
      await until(
        `a server of ${protocol} that is seen`,
        () => kinds().some((kind) => kind.startsWith(protocol)) || undefined,
      );
    server.kill();
  });

  test('a container that may reach everything finds nothing of it at the host, and what answers is what answered before', async () => {
    const server = site.host.spawn(['/run/labtool', 'serve', 'tcp', '7777']);
    const gateway = (
      await site.host.must(['sh', '-c', "docker network inspect app_default -f '{{(index .IPAM.Config 0).Gateway}}'"])
    ).trim();
    await until('the host’s server', async () =>
      (await site.host.probe('app/app', { to: site.host.v4, port: 7777 })).outcome === 'answered' ? true : undefined,
    );
    const before = openPorts(site.host.cell.pid);
    expect(before.some((port) => port.endsWith(':1E61'))).toBe(true); // 7777
    await started('any');
    expect(openPorts(site.host.cell.pid)).toEqual(before);
    const ports = [1, 22, 53, 80, 111, 443, 2024, 2375, 2376, 4243, 8080, 9090, 9100, 10_250];
    const attempts = [site.host.v4, gateway === '' ? '172.20.0.1' : gateway].flatMap((to) =>
      [7777, ...ports].map((port) => ({ from: 'app/app', to, port })),
    );
    const answered = (await site.host.probeMany(attempts)).filter(({ outcome }) => outcome === 'answered');
    expect(answered.map(({ spec }) => spec.port)).toEqual([7777, 7777]);
    server.kill();
  });

  test('root alone may connect to the control socket', async () => {
    await started('any');
    const ask = `require('node:net').connect('${controlSocket}').on('connect', () => { console.log('connected'); process.exit() }).on('error', (error) => { console.log(error.code); process.exit() })`;
    const node = ['/opt/sluice/dist/lib/node', '-e', ask];
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    expect((await site.host.must(node)).trim()).toBe('connected');
    expect((await site.host.must([...nobody, ...node])).trim()).toBe('EACCES');
    // nor where somebody has opened its folder
    await site.host.must(['chmod', '755', '/run/sluice']);
    expect((await site.host.must([...nobody, ...node])).trim()).toBe('EACCES');
    await site.host.must(['chmod', '700', '/run/sluice']);
  });
});

describe('the fewest capabilities', () => {
  const allowed = { from: 'app/app', to: '45.90.10.10', port: 443 };
  const denied = { from: 'app/app', to: '192.168.5.5', port: 22 };
  const rule = '[same-project, "internet:443"]';
  const without = (name: string) => asUnit(boundingSet.filter((one) => one !== name));

  test('the unit has those that the daemon asks for, and its other commands run', async () => {
    const wanted = [...requiredCapabilities, ...desiredCapabilities].map(({ name }) => name);
    expect(boundingSet).toEqual(wanted);
    const [, command = ''] = /^\+\/bin\/sh -c "(.*)"$/.exec(settings.get('ExecStartPre') ?? '') ?? [];
    await site.host.must(['/bin/sh', '-c', command]);
  });

  test('with exactly these, in the unit’s file system, it does all its work', async () => {
    const running = await started(rule, asUnit());
    const status = readFileSync(`/proc/${running.pid}/status`, 'utf8');
    const mask = [...requiredCapabilities, ...desiredCapabilities].reduce(
      (sum, { bit }) => sum | (1n << BigInt(bit)),
      0n,
    );
    for (const set of ['CapPrm', 'CapEff', 'CapBnd'])
      expect(BigInt(`0x${new RegExp(`^${set}:\\s*(\\w+)$`, 'm').exec(status)?.[1]}`), set).toBe(mask);
    expect(status).toMatch(/^NoNewPrivs:\s*1$/m);
    expect(await running.status()).toMatchObject({ state: 'enforcing', troubles: [] });
    await expectAllowed(site, [allowed]);
    await expectDenied(site, [denied]);

    // a container that starts meanwhile
    await site.host.compose('app', article(), 'up', '-d', 'elasticsearch');
    await expectDenied(site, [{ ...denied, from: 'app/elasticsearch' }]);
    await until('the newcomer at work', async () =>
      (await site.host.probe('app/elasticsearch', allowed)).outcome === 'answered' ? true : undefined,
    );
    expect((await running.status()).counts.seated).toBeGreaterThan(0);

    // somebody else's hand in the rules
    await site.host.must(['nft', 'delete', 'table', 'inet', 'sluice']);
    await until('the repair', async () => ((await running.status()).repairs.length > 0 ? true : undefined));
    await expectDenied(site, [denied, { ...denied, from: 'app/elasticsearch' }]);
    await expectAllowed(site, [allowed]);

    // another policy, which cuts and is written down
    const stream = await site.host.stream('app/app', { proto: 'udp', to: site.internet.v4, port: 443, rate: 50 });
    const digest = (await running.status()).policy?.digest;
    site.host.write('/etc/sluice/policy.yaml', policy('[same-project]'));
    running.signal('SIGHUP');
    await until('the other policy', async () =>
      (await running.status()).policy?.digest === digest ? undefined : true,
    );
    await stream.stop();
    await expectDenied(site, [allowed]);
    expect(site.host.read('/var/lib/sluice/policy.json')).toContain('[same-project]');
    expect(await running.status()).toMatchObject({ state: 'enforcing', troubles: [] });
    expect(running.log).not.toMatch(/ (warning|error) +(?!.*changed inet sluice)/);
  });

  test.each(requiredCapabilities.map(({ name }) => name))('without %s it does not start, and says so', async (name) => {
    site.host.write('/etc/sluice/policy.yaml', policy(rule));
    const done = await site.host.run([...without(name), ...(await site.host.sluiceCommand('run'))], {
      timeout: 30_000,
    });
    expect(done.code).toBe(3);
    expect(done.stderr).toContain(`without ${name}`);
    expect(done.stderr).toContain('CapabilityBoundingSet=');
  });

  test.each(iptablesCapabilities.map(({ name }) => name))(
    'with iptables it does not start without %s and says so, and with it does its work',
    async (name) => {
      site.host.write('/etc/sluice/policy.yaml', policy(rule));
      const args = ['--backend', 'iptables'];
      const done = await site.host.run([...asUnit(), ...(await site.host.sluiceCommand('run', ...args))], {
        timeout: 30_000,
      });
      expect(done.code).toBe(3);
      expect(done.stderr).toContain(`without ${name}`);

      const running = await started(rule, asUnit([...boundingSet, name]), args);
      expect(await running.status()).toMatchObject({ state: 'enforcing', backend: 'iptables-nft', troubles: [] });
      await expectAllowed(site, [allowed]);
      await expectDenied(site, [denied]);
      const latest = async () => (await running.status()).repairs[0]?.at;
      const before = await latest();
      await site.host.must(['ebtables-nft', '-t', 'nat', '-F']);
      await until('the repair', async () => ((await latest()) === before ? undefined : true), 90_000);
      await expectAllowed(site, [allowed]);
      await expectDenied(site, [denied]);
      // the next daemon begins with what the others began with
      await site.host.sluice('down');
    },
  );

  test.each(desiredCapabilities.map(({ name }) => name))('without %s it runs degraded, and says so', async (name) => {
    const running = await started(rule, without(name));
    const { state, troubles } = await running.status();
    expect([state, troubles.map(({ code }) => code)]).toEqual(['degraded', ['not-allowed']]);
    expect(troubles[0]?.message).toContain(name);
    const shown = await site.host.sluice('status');
    expect([shown.code, shown.stdout]).toEqual([5, expect.stringContaining(name)]);
    await expectAllowed(site, [allowed]);
    await expectDenied(site, [denied]);
  });
});
