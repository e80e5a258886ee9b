import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as frames from '../../lab/frames.ts';
import { freshToken } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { gatewayOf, seatOf } from '../packets/forging.ts';
import { codes, doctor, finding, mend, soundHost } from './host.ts';

/**
 * A lookup as a container makes it: of its own resolver at 127.0.0.11, which passes it on. Whether any of three comes
 * out, each waited for a second and a half: one answer lost on a busy machine is no denial.
 */
async function lookUp(site: Site, who: string): Promise<boolean> {
  // of fixed lengths, none of them a newline's code: `printf` of a shell sends what stands before one by itself
  const name = freshToken();
  const label = (text: string) => `\\x${text.length.toString(16).padStart(2, '0')}${text}`;
  const query = `\\x12\\x34\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00${label(name)}${label('example')}\\x00\\x00\\x01\\x00\\x01`;
  const asked = async () => (await site.dns.seen(({ dport }) => dport === 53)).length;
  const before = await asked();
  const ask = `exec 3<>/dev/udp/127.0.0.11/53; printf '${query}' >&3; sleep 1.5`;
  for (let time = 0; time < 3 && (await asked()) === before; time++)
    await site.host.inNetworkOf(who, ['bash', '-c', ask]);
  return (await asked()) > before;
}

describe.each(['26.1', '28.5'] as const)('who asks for a container, on engine %s', (engine) => {
  test('lookups that `doctor` tells of pass whatever policy says, and with the line it gives they do not', async () => {
    await using site = await openSite({ engine });
    // where it finds forwarding switched on, an engine leaves this open, which is a finding of its own up to 27
    await site.host.must(['iptables', '-P', 'FORWARD', 'DROP']);
    const compose = (dns: string) => `services: { app: { image: lab/app${dns} } }\n`;
    await site.host.compose('app', compose(''), 'up', '-d');
    expect(await lookUp(site, 'app/app')).toBe(true); // before there is any policy
    site.host.write('/etc/sluice/policy.yaml', 'version: 1\nprojects: { app: { allow: none } }\n');
    expect((await site.host.sluice('apply')).code).toBe(0);
    const told = (await doctor(site)).findings.find(({ code }) => code === 'dns-from-host');
    expect(told?.seen ?? []).toHaveLength(engine === '28.5' ? 1 : 0);
    expect(await lookUp(site, 'app/app')).toBe(engine === '28.5');
    const line = told?.mend.lines[0]?.text ?? 'dns: ["192.168.100.2"]';
    expect(line).toBe('dns: ["192.168.100.2"]');
    await site.host.compose('app', compose(`, ${line}`), 'up', '-d');
    expect((await site.host.sluice('apply')).code).toBe(0);
    expect((await doctor(site)).findings.map(({ code }) => code)).toEqual(['no-daemon']);
    expect(await lookUp(site, 'app/app')).toBe(false);
    expect((await site.host.sluice('down')).code).toBe(0);
    expect(await lookUp(site, 'app/app')).toBe(true);
  });
});

describe('an engine on the network, and without docker-proxy', () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite({
      engine: '28.5',
      userlandProxy: false,
      dockerd: ['-H', 'tcp://0.0.0.0:2375', '--tls=false'],
    });
    await soundHost(site);
    await site.host.docker('run', '-d', '--name', 'loose', 'lab/app');
  });
  afterAll(() => site?.stop());

  test('containers that nothing holds have the engine', async () => {
    const one = finding(await doctor(site), 'engine-on-network');
    expect(one.seen).toEqual(['dockerd listens on tcp://0.0.0.0:2375']);
    const ask = async (from: string, by: string) =>
      (await site.host.exec(from, ['wget', '-q', '-T', '3', '-O', '-', `http://${by}:2375/version`])).stdout;
    expect(await ask('loose', '172.17.0.1')).toContain('"ApiVersion"');
    expect(await ask('app/app', '172.20.0.1')).toBe('');
  });

  test('frames for the loopback of the host arrive, from whom nothing holds', async () => {
    const one = finding(await doctor(site), 'loopback-routed');
    expect(one.seen.join('\n')).toMatch(/net\.ipv4\.conf\.br-[0-9a-f]{12}\.route_localnet = 1 \(app_default\)/);
    const reaches = async (from: string, network: string) => {
      const [self, gateway] = [await seatOf(site, from), await gatewayOf(site, network)];
      const token = freshToken();
      const packet = frames.udp({ src: self.v4, dst: '127.0.0.1', sport: 40_000, dport: 9_999 }, token);
      await site.host.sendFrames(from, [frames.ethernet({ from: self.mac, to: gateway.mac, type: 0x800 }, packet)]);
      return (await site.host.observer('host')).saw(token);
    };
    await site.host.observer('host');
    expect(await reaches('loose', 'bridge')).toBe(true);
    expect(await reaches('app/app', 'app_default')).toBe(false);
    await mend(site, one);
    expect(await reaches('loose', 'bridge')).toBe(false);
    await expect.poll(() => codes(site)).not.toContain('loopback-routed');
  });
});

describe("docker-proxy, and a container's program of its name", () => {
  const publishing = async (userlandProxy: boolean) => {
    const site = await openSite({ engine: '28.5', userlandProxy });
    // Debian's own, with what it loads, for the port that another container publishes
    const listen = '-proto tcp -host-ip 0.0.0.0 -host-port 8080 -container-ip 127.0.0.1 -container-port 80';
    const mounts = ['/usr', '/lib', '/lib64'].flatMap((path) => ['-v', `${path}:${path}:ro`]);
    const start = `exec 3>/dev/null; exec /usr/sbin/docker-proxy ${listen}`; // it says there that it listens
    const entry = ['--entrypoint', '/bin/sh', 'lab/app', '-c', start];
    await site.host.docker('run', '-d', '--name', 'liar', ...mounts, ...entry);
    await site.host.docker('run', '-d', '--name', 'public', '-p', '8080:80', 'lab/app');
    expect(await site.host.must(['pgrep', '-fa', 'docker-proxy -proto tcp -host-ip 0.0.0.0'])).toMatch(/8080/);
    return site;
  };
  test.each([true, false])("is told of where the engine's own listens: %s", async (userlandProxy) => {
    await using site = await publishing(userlandProxy);
    const found = (await doctor(site)).findings.filter(({ code }) => code === 'published-everywhere');
    expect(found.flatMap(({ seen }) => seen)).toEqual(userlandProxy ? ['public: 8080:80/tcp'] : []);
  });
});

describe('an engine that maps users', () => {
  test('a container that is not mapped', async () => {
    await using site = await openSite({ engine: '26.1', dockerd: ['--userns-remap=default'] });
    await site.host.docker('run', '-d', '--name', 'mapped', 'lab/app');
    const run = (name: string, ...more: string[]) =>
      site.host.docker('run', '-d', '--name', name, '-v', '/etc:/host', ...more, 'lab/app');
    await run('unmapped', '--userns', 'host', '--cap-add', 'NET_ADMIN');
    await run('harmless', '--cap-add', 'SYS_ADMIN', '--cap-add', 'NET_ADMIN');
    const told = await doctor(site);
    expect(told.findings.map(({ code }) => code)).not.toContain('privileged');
    expect(finding(told, 'host-files').seen).toEqual(['unmapped: /etc']);
    expect(finding(told, 'host-users').seen).toEqual(['unmapped: userns_mode host']);
    expect(finding(told, 'net-admin').seen).toEqual(['unmapped: cap_add NET_ADMIN']);
    // apply asks the kernel, not the engine
    site.host.write(
      '/etc/sluice/policy.yaml',
      'version: 1\ncontainers: { unmapped: { allow: none }, harmless: { allow: none } }\n',
    );
    const applied = await site.host.sluice('apply', '--json');
    expect(JSON.parse(applied.stdout)).toMatchObject({
      good: true,
      canUndo: [{ container: 'unmapped', code: 'net-admin' }],
    });
  });
});
