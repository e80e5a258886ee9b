/** What is left open, and what is not, while no daemon lives; and builds, which make containers that nobody announces. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { Daemon } from '../../lab/daemon.ts';
import { until } from '../../lab/exec.ts';
import { firstCommand, firstImage } from '../../lab/first.ts';
import { freshToken } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { isWhole, oneWayEach } from '../packets/backends.ts';

const compose = (subnet: string) => `version: '3'
services:
  one: { image: lab/app }
networks:
  default: { ipam: { config: [{ subnet: ${subnet} }] } }
`;
const policy = (defaults: string) => `version: 1
defaults: ${defaults}
projects: { app: { allow: ["internet:443"] } }
`;

/** One after the other with nothing beside them takes a while: the oldest only in a whole run. */
const ways = oneWayEach({ '26.1': 'iptables-legacy' }).filter(({ engine }) => isWhole || engine !== '20.10');

describe.each(ways)('on engine $name', { timeout: 200_000 }, ({ engine, backend }) => {
  let site: Site;
  let daemon: Daemon;
  afterEach(() => site?.stop());

  /** The article's project with the daemon in force, in a lab of its own. */
  async function open(defaults: string): Promise<void> {
    site = await openSite({ engine });
    await site.host.image(firstImage);
    await site.host.compose('app', compose('172.22.1.0/24'), 'up', '-d');
    await start(policy(defaults));
  }

  async function start(text: string): Promise<void> {
    site.host.write('/etc/sluice/policy.yaml', text);
    daemon = await site.host.daemon({ args: ['--backend', backend] });
  }

  /** Which of a container's very first packets arrive: at the internet, and at a private host. Started on `network`. */
  async function started(network: string, ...options: string[]): Promise<readonly [boolean, boolean]> {
    const token = freshToken();
    const to = [site.internet.v4, site.private.v4].map((address) => ({ to: address, port: 443 }));
    const command = firstCommand({ to, token, rate: 200, rounds: 40 });
    const id = await site.host.docker('run', '-d', '--network', network, ...options, 'lab/first', ...command);
    await sleep(500);
    await site.host.docker('rm', '-f', id);
    return [await site.internet.saw(token), await site.private.saw(token)];
  }

  /** A guest behind a bridge that is no engine's, as a virtual machine is; tells whether what it sends to a private host arrives. */
  async function guestBehind(bridge: string, net: number): Promise<() => Promise<boolean>> {
    const guest = `guest${net}`;
    const gateway = `10.77.${net}.1`;
    for (const command of [
      `ip link add ${bridge} type bridge`,
      `ip addr add ${gateway}/24 dev ${bridge}`,
      `ip netns add ${guest}`,
      `ip link add port${net} type veth peer name eth0 netns ${guest}`,
      `ip link set port${net} master ${bridge} up`,
      `ip link set ${bridge} up`,
      `ip -n ${guest} addr add 10.77.${net}.2/24 dev eth0`,
      `ip -n ${guest} link set eth0 up`,
      `ip -n ${guest} route add default via ${gateway}`,
      // as libvirt does: with Docker FORWARD drops what nobody accepts
      `iptables -I FORWARD -i ${bridge} -j ACCEPT`,
    ])
      await site.host.must(command.split(' '));
    return async () => {
      const token = freshToken();
      const send = ['/run/labtool', 'stream', 'udp', site.private.v4, '443', '--rate', '100', '--seconds', '0.3'];
      await site.host.must(['ip', 'netns', 'exec', guest, ...send, '--token', token]);
      return site.private.saw(token);
    };
  }

  const open4 = async (from: string) =>
    (await site.host.probe(from, { proto: 'udp', to: site.private.v4, port: 443, timeout: 300 })).arrived;

  test('a subnet of a named project stays held while the daemon is away, and nobody else is hit', async () => {
    await open('{ unknown-bridge: allow }');
    expect(await open4('app/one')).toBe(false);
    await daemon.kill();
    await site.host.compose('app', compose('172.22.1.0/24'), 'down', '-t', '0');
    await site.host.compose('app', compose('172.22.1.0/24'), 'up', '-d');
    expect(await open4('app/one')).toBe(false);
    expect(await started('app_default')).toEqual([false, false]);

    // Somebody on the LAN or in a VPN may have an address in there: only bridges are asked.
    const guest = '172.22.1.77';
    await site.lanClient.run(['ip', 'addr', 'add', `${guest}/32`, 'dev', 'eth0']);
    await site.host.must(['ip', 'route', 'add', `${guest}/32`, 'dev', 'eth0']);
    const probe = { to: site.host.v4, port: 2222, source: guest, timeout: 300 };
    await site.host.observer('host');
    expect((await site.lanClient.probe(probe)).arrived).toBe(true);

    // With the daemon back everything is as before.
    await start(policy('{ unknown-bridge: allow }'));
    await daemon.settled();
    await until('the held project at work', async () => {
      const allowed = await site.host.probe('app/one', { to: site.internet.v4, port: 443, timeout: 300 });
      return allowed.arrived ? true : undefined;
    });
    expect(await open4('app/one')).toBe(false);
  });

  test('a held subnet is released when a network of nobody’s takes it', async () => {
    await open('{ unknown-bridge: allow }');
    await site.host.compose('app', compose('172.22.1.0/24'), 'down', '-t', '0');
    await site.host.docker('network', 'create', '--subnet', '172.22.1.0/24', 'other');
    await until('the release', async () => ((await started('other'))[1] ? true : undefined), 30_000);
    expect(await started('other')).toEqual([true, true]);
  });

  test.each([
    ['deny', [false, false]],
    ['allow', [true, true]],
  ] as const)('a bridge that appears while the daemon is away: %s', async (unknown, wanted) => {
    await open(`{ unknown-bridge: ${unknown} }`);
    const machine = await guestBehind('virbr0', 1);
    await until('its bridge known', async () => ((await machine()) ? true : undefined));
    await site.host.docker('network', 'create', 'before');
    await until('the bridge known', async () => ((await started('before'))[1] ? true : undefined));
    expect(await started('before')).toEqual([true, true]);
    await daemon.kill();
    expect(await started('before')).toEqual([true, true]);
    expect(await machine()).toBe(true);
    const other = await guestBehind('virbr1', 2);
    await site.host.docker('network', 'create', 'meanwhile');
    expect([await started('meanwhile'), await other(), await machine()]).toEqual([wanted, wanted[1], true]);
    await start(policy(`{ unknown-bridge: ${unknown} }`));
    await until('the bridge known', async () => ((await started('meanwhile'))[1] ? true : undefined));
    await until('the other machine’s, too', async () => ((await other()) ? true : undefined));
  });

  test('builds on docker0 go by defaults.build, those of the classic builder by defaults.unmanaged', async () => {
    /** Whether a packet sent by RUN arrives. BuildKit makes no container and no event. */
    const build = async (buildkit: boolean): Promise<boolean> => {
      const token = freshToken();
      const send = ['/labtool', 'stream', 'udp', site.internet.v4, '9999', '--rate', '50', '--seconds', '0.2'];
      const run = JSON.stringify([...send, '--token', token]);
      site.host.write('/srv/build/Dockerfile', `FROM lab/app\nRUN ${run}\n`);
      site.host.write('/srv/build/docker-compose.yml', 'services: { built: { build: . } }\n');
      // From 23 on the client has BuildKit in a part that Debian packs by itself; Compose has it in it.
      const command =
        buildkit && engine !== '20.10' ? ['compose', 'build', '--no-cache'] : ['build', '--no-cache', '.'];
      const done = await site.host.run(['docker', ...command], {
        env: { DOCKER_BUILDKIT: buildkit ? '1' : '0' },
        cwd: '/srv/build',
      });
      expect(done.code, done.stderr).toBe(0);
      return site.internet.saw(token);
    };
    // docker0 is enrolled when there is anything to hold on it.
    const guarded = (defaults: string) => `${policy(defaults)}guardrails: { deny: [cloud-metadata] }\n`;
    await open('{}');
    expect([await build(false), await build(true)]).toEqual([true, true]);
    // The classic builder's containers are containers that no policy names; BuildKit's are none of the engine's at all.
    for (const [defaults, classic, buildkit] of [
      ['{}', true, true],
      ['{ build: deny }', true, false],
      ['{ build: deny, unmanaged: deny }', false, false],
    ] as const) {
      await daemon.stop();
      await start(guarded(defaults));
      expect([await build(false), await build(true)], defaults).toEqual([classic, buildkit]);
    }
  });
});
