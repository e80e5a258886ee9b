import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Daemon } from '../../lab/daemon.ts';
import { until } from '../../lab/exec.ts';
import { appImage, type ImageSpec } from '../../lab/images.ts';
import { freshToken } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { codes, doctor, expectCodes, finding, mend, soundHost } from './host.ts';

const policy = (more = '') => `version: 1
groups: { resolver: ["192.168.100.2:53"] }
projects:
  app: { allow: [same-project, internet] }
${more}`;

/** One container for each thing that can be wrong with one. */
const ill: Readonly<Record<string, readonly string[]>> = {
  onhost: ['--network', 'host'],
  onlan: ['--network', 'lan', '--dns', '192.168.100.2'],
  almighty: ['--privileged'],
  loader: ['--cap-add', 'SYS_MODULE'],
  vpn: ['--cap-add', 'NET_ADMIN'],
  portainer: ['-v', '/run/docker.sock:/var/run/docker.sock'],
  asker: ['--network', 'plain'],
  public: ['-p', '8080:80'],
  mounter: ['--cap-add', 'SYS_ADMIN'],
  opener: ['--cap-add', 'CAP_DAC_READ_SEARCH'],
  watcher: ['--pid', 'host'],
  companion: ['--pid', 'container:app-app-1'],
  tracer: ['--pid', 'host', '--cap-add', 'SYS_PTRACE'],
  byfolder: ['-v', '/run:/host/run:ro'],
  byvolume: ['-v', 'ofrun:/host/run'],
  bycontainerd: ['-v', '/run/docker/containerd/containerd.sock:/c.sock'],
  editor: ['-v', '/etc:/host/etc'],
  kernel: ['-v', '/proc:/host/proc'],
  reader: ['-v', '/etc:/host/etc:ro'],
  author: ['-v', '/etc/sluice/policy.yaml:/policy.yaml'],
  operator: ['-v', '/run/sluice:/sluice:ro'],
  talker: ['-v', '/run/agent.sock:/agent.sock'],
  teller: ['--log-driver', 'syslog', '--log-opt', `syslog-address=udp://${places.private.v4}:514`],
  shipper: ['--log-driver', 'gelf', '--log-opt', 'gelf-address=udp://127.0.0.1:12201'],
  sharer: ['--network', 'container:app-app-1'],
};

/** Asks for more by the labels of its image, which nobody obeys. */
const asking: ImageSpec = { ...appImage, name: 'lab/asking', labels: { 'sluice.allow': 'any' } };

describe('a host with engine 28.5', () => {
  let site: Site;
  let daemon: Daemon;
  beforeAll(async () => {
    site = await openSite({ engine: '28.5' });
    daemon = await soundHost(site);
  });
  afterAll(() => site?.stop());

  const network = async (...args: string[]) => site.host.docker('network', ...args);

  test('nothing is found where nothing is wrong', async () => {
    expect(await doctor(site)).toMatchObject({ code: 0, findings: [], unseen: [] });
  });

  test('every container that gets round is named, and no other', async () => {
    await network('create', 'plain');
    await network(
      'create',
      '-d',
      'macvlan',
      '--subnet',
      '192.168.0.0/16',
      '-o',
      'parent=eth0',
      '--ip-range',
      '192.168.77.0/24',
      'lan',
    );
    await site.host.docker('volume', 'create', '-o', 'type=none', '-o', 'o=bind', '-o', 'device=/run', 'ofrun');
    const agent = createServer().listen(site.host.cell.path('/run/agent.sock'));
    await site.host.image(asking);
    await Promise.all([
      ...Object.entries(ill).map(([name, args]) =>
        site.host.docker('run', '-d', '--name', name, ...args, 'lab/app', 'tcp', '9999'),
      ),
      site.host.docker('run', '-d', '--name', 'pusher', asking.name),
    ]);
    const told = await doctor(site);
    expect(Object.fromEntries(told.findings.map(({ code, seen }) => [code, seen]))).toEqual({
      'engine-socket': [
        'bycontainerd: /run/docker/containerd/containerd.sock is mounted into it',
        'byfolder: /run is mounted into it',
        'byvolume: volume ofrun (/run) is mounted into it',
        'portainer: /run/docker.sock is mounted into it',
      ],
      privileged: [
        'almighty: privileged',
        'loader: cap_add SYS_MODULE',
        'mounter: cap_add SYS_ADMIN',
        'opener: cap_add DAC_READ_SEARCH',
        'tracer: pid host with cap_add SYS_PTRACE',
      ],
      'host-files': ['editor: /etc', 'kernel: /proc'],
      'sluice-shared': ['author: /etc/sluice/policy.yaml', 'operator: /run/sluice'],
      'log-from-host': [`teller: log driver syslog to udp://${places.private.v4}:514`],
      'host-processes': ['tracer: pid host', 'watcher: pid host'],
      'others-processes': ['companion: processes of app/app (app-app-1)'],
      'host-socket': ['talker: /run/agent.sock'],
      'shared-network': ['sharer: the network of app/app (app-app-1)'],
      'image-labels': ['pusher: sluice.allow of image lab/asking'],
      'dns-from-host': [expect.stringMatching(/^asker: no dns of its own, engine 28\.5/)],
      'host-network': ['onhost: network_mode host'],
      'past-the-host': ['onlan: on lan, driver macvlan'],
      'net-admin': ['vpn: cap_add NET_ADMIN'],
      'published-everywhere': ['public: 8080:80/tcp'],
    });
    expect(told.code).toBe(1);
    agent.close();
    // the other command that tells of them
    const { stdout } = await site.host.sluice('networks', '--json');
    const { networks } = JSON.parse(stdout) as {
      networks: {
        name: string;
        driver: string;
        held: string;
        parent: string | null;
        containers: { name: string; mode: string }[];
      }[];
    };
    const of = (name: string) => networks.find((one) => one.name === name);
    expect(of('lan')).toMatchObject({
      driver: 'macvlan',
      held: 'cannot',
      parent: 'eth0',
      containers: [{ name: 'onlan' }],
    });
    expect(of('host')).toMatchObject({ held: 'cannot', containers: [{ name: 'onhost' }] });
    expect(of('none')).toMatchObject({ driver: 'none', held: 'nothing', containers: [] });
    expect(of('plain')).toMatchObject({ held: 'free', containers: [{ name: 'asker', mode: '-' }] });
    expect(of('app_default')).toMatchObject({
      held: 'held',
      containers: [
        { name: 'app-app-1', mode: 'enforce' },
        { name: 'app-mongo-1', mode: 'enforce' },
        { name: 'sharer', mode: 'enforce', shares: 'app-app-1' },
      ],
    });
  });

  test('a container that policy names and that cannot be held is critical', async () => {
    site.host.write('/etc/sluice/policy.yaml', policy('containers: { onlan: { allow: none } }\n'));
    const one = finding(await doctor(site), 'not-held');
    expect(one.seen).toEqual([
      expect.stringContaining('container/onlan: its packets through the network "lan" (macvlan)'),
    ]);
    site.host.write('/etc/sluice/policy.yaml', policy());
  });

  test('what runs no more is found no more', async () => {
    await mend(site, finding(await doctor(site), 'past-the-host'));
    await expect.poll(() => codes(site)).not.toContain('past-the-host');
    await Promise.all(['pusher', ...Object.keys(ill)].map((name) => site.host.docker('rm', '-f', name)));
    await network('rm', 'plain', 'lan');
    await expectCodes(site, []);
  });

  test('an overlay network, which leaves the host inside of packets of its own', async () => {
    await site.host.docker('swarm', 'init', '--advertise-addr', site.host.v4);
    await network('create', '-d', 'overlay', '--attachable', 'mesh');
    await site.host.docker('run', '-d', '--name', 'meshed', '--network', 'mesh', '--dns', places.dns.v4, 'lab/app');
    expect(finding(await doctor(site), 'past-the-host').seen).toEqual(['meshed: on mesh, driver overlay']);
    await site.host.docker('rm', '-f', 'meshed');
    await site.host.docker('swarm', 'leave', '--force');
    await network('rm', 'docker_gwbridge');
    await expectCodes(site, []);
  });

  test('what a container writes leaves by its log driver, whatever policy says', async () => {
    site.host.write('/etc/sluice/policy.yaml', policy('containers: { teller: { allow: none } }\n'));
    await reloaded(daemon);
    const words = freshToken();
    const by = (args: readonly string[]) =>
      site.host.docker(
        'run',
        '-d',
        '--name',
        'teller',
        ...args,
        '--entrypoint',
        '/bin/sh',
        'lab/app',
        '-c',
        `echo ${words}; sleep 600`,
      );
    await by(ill['teller'] ?? []);
    const heard = async () =>
      (await site.private.seen(({ dport, src }) => dport === 514 && src === site.host.v4)).length;
    await expect.poll(heard, { timeout: 30_000 }).toBeGreaterThan(0);
    expect((await site.host.probe('teller', { to: places.private.v4, port: 514, proto: 'udp' })).arrived).toBe(false);
    await expectCodes(site, ['log-from-host']);
    await site.host.docker('rm', '-f', 'teller');
    await by(['--log-driver', 'local']); // as the line that mends it says
    await expectCodes(site, []);
    await site.host.docker('rm', '-f', 'teller');
    site.host.write('/etc/sluice/policy.yaml', policy());
    await reloaded(daemon);
  });

  test('a policy that others may write', async () => {
    await site.host.must(['chmod', '666', '/etc/sluice/policy.yaml']);
    const told = await doctor(site);
    // such a policy is refused, so whom it names is not known
    expect(told.unseen.map(({ what }) => what)).toEqual(['who is to be held']);
    const one = finding(told, 'writable-policy');
    expect(one.seen).toEqual(['/etc/sluice/policy.yaml: file of user 0, group 0, mode 0666']);
    await mend(site, one);
    await expectCodes(site, []);
  });

  test('a liberal kernel', async () => {
    await site.host.sysctl({ 'net.netfilter.nf_conntrack_tcp_be_liberal': 1 });
    const one = finding(await doctor(site), 'conntrack-liberal');
    await mend(site, one);
    await expectCodes(site, []);
  });

  test('a way out that takes less than containers send', async () => {
    const size = (bytes: number) => site.host.must(['ip', 'link', 'set', 'eth0', 'mtu', String(bytes)]);
    await size(1400);
    const told = finding(await doctor(site), 'short-uplink');
    expect(told.seen).toEqual([
      'app/app (app-app-1): sends up to 1500 bytes on app_default, eth0 takes 1400',
      'app/mongo (app-mongo-1): sends up to 1500 bytes on app_default, eth0 takes 1400',
    ]);
    expect(told.mend.lines.map(({ text }) => text)).toEqual([
      'cap_drop: [NET_RAW]',
      'networks: { default: { driver_opts: { com.docker.network.driver.mtu: "1400" } } }',
    ]);
    await size(1500);
    // a route takes less, as wg-quick's do in tables of their own
    const [one, several] = [
      '192.0.2.0/25 dev eth0 mtu 1390 table 51820',
      '192.0.2.128/25 mtu 1380 table 51820 nexthop via 192.168.0.1 dev eth0 nexthop via 192.168.0.20 dev eth0',
    ];
    for (const takes of [1390, 1380]) {
      await site.host.must(['ip', 'route', 'add', ...(takes === 1390 ? one : several).split(' ')]);
      expect(finding(await doctor(site), 'short-uplink').seen[0]).toMatch(new RegExp(`eth0 takes ${takes}$`));
    }
    await site.host.must(['ip', 'route', 'flush', 'table', '51820']);
    await expectCodes(site, []);
  });

  test("Debian's nftables.service, which takes our tables away when it is reloaded", async () => {
    await site.host.must(['mkdir', '-p', '/etc/systemd/system/sysinit.target.wants']);
    const link = '/etc/systemd/system/sysinit.target.wants/nftables.service';
    await site.host.must(['ln', '-s', '/usr/lib/systemd/system/nftables.service', link]);
    const one = finding(await doctor(site), 'flushed-at-reload');
    expect(one.seen).toEqual([
      `nftables.service is enabled: ${link}`,
      expect.stringMatching(/nftables\.service:\d+: ExecStop=\/usr\/sbin\/nft flush ruleset$/),
      '/etc/nftables.conf:3: flush ruleset',
    ]);
    await mend(site, one);
    await expectCodes(site, []);
  });

  test('a daemon that has lost its engine, which then cannot be looked at', async () => {
    await site.host.stopEngine();
    const told = await doctor(site);
    expect(told.unseen.map(({ what }) => what)).toEqual(['the engine, its networks and containers']);
    expect(finding(told, 'daemon-trouble').seen.join(' ')).toContain('engine');
    expect(told.code).toBe(3);
    await site.host.startEngine();
    await site.host.docker('start', 'app-app-1', 'app-mongo-1');
    await daemon.settled();
    await expectCodes(site, []);
  });

  test('no daemon, then rules that somebody edited, then none at all', async () => {
    await daemon.stop();
    expect(await codes(site)).toEqual(['no-daemon']);
    expect((await doctor(site)).code).toBe(9);
    // containers come and go meanwhile, and nobody has edited anything
    await site.host.docker('stop', '-t', '0', 'app-mongo-1');
    expect(await codes(site)).toEqual(['no-daemon']);
    await site.host.docker('start', 'app-mongo-1');
    await site.host.docker('restart', '-t', '0', 'app-app-1');
    expect(await codes(site)).toEqual(['no-daemon']);
    const chain = await site.host.must(['nft', '-a', 'list', 'chain', 'inet', 'sluice', 'forward']);
    const handle = / # handle (\d+)\n\t\}/.exec(chain)?.[1] ?? '';
    await site.host.must(['nft', 'delete', 'rule', 'inet', 'sluice', 'forward', 'handle', handle]);
    expect(await codes(site)).toEqual(['altered-tables', 'no-daemon']);
    expect((await site.host.sluice('apply')).code).toBe(0);
    expect(await codes(site)).toEqual(['no-daemon']);
    // as the service above does at its reload
    await site.host.must(['nft', '-f', '/etc/nftables.conf']);
    expect(await codes(site)).toEqual(['nothing-stands']);
    // somebody has its last line's name
    await site.host.must(['nft', 'add', 'table', 'inet', 'sluice-last']);
    daemon = await site.host.daemon();
    expect(await daemon.status()).toMatchObject({ lastLine: 'taken' });
    const taken = finding(await doctor(site), 'no-last-line');
    await mend(site, taken);
    await expectCodes(site, []);
    expect(await daemon.status()).toMatchObject({ lastLine: 'stands' });
    expect(await site.host.must(['nft', 'list', 'tables'])).toContain('table inet sluice-last');
  });

  test('a table of conversations that is nearly full', async () => {
    const max = Number(await site.host.must(['cat', '/proc/sys/net/netfilter/nf_conntrack_max']));
    // each an entry of 10 minutes; the limit is the machine's, and holds for each namespace by itself
    const entry = (number: number) => {
      const from = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
      return `-A -s ${from} -d 203.0.113.1 -r 203.0.113.1 -q ${from} -p udp --sport 1 --dport 1 --reply-port-src 1 --reply-port-dst 1 -t 600\n`;
    };
    const count = Math.ceil(max * 0.9);
    site.host.write('/run/flows', Array.from({ length: count }, (_, number) => entry(number)).join(''));
    await site.host.must(['conntrack', '-R', '/run/flows'], { timeout: 120_000 });
    const one = finding(await doctor(site), 'conntrack-full');
    expect(one.seen).toEqual([expect.stringMatching(new RegExp(`^\\d+ of ${max} conversations$`))]);
    await site.host.must(['conntrack', '-F']);
    await expectCodes(site, []);
  });
});

/** Tells the daemon to read its policy again, and waits until what the files say is in force. */
async function reloaded(daemon: Daemon): Promise<void> {
  daemon.signal('SIGHUP');
  const inForce = async () => ((await daemon.status()).filesDiffer === false ? true : undefined);
  await until('the new policy in force', inForce);
}
