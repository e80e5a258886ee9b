import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import type { Daemon } from '../../lab/daemon.ts';
import { until } from '../../lab/exec.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { arrivals, expectAllowed } from '../packets/support.ts';
import { attackWays } from './ways.ts';

/** The moments in which rules, daemon and networks change, and noise that is to make the daemon miss them. */

const policy = (more: string) => `version: 1
projects:
  app: { allow: ["10.9.9.9:53/udp"${more}], services: { mongo: { allow: any } } }
`;
const project = article({ ipv6: true, capAdd: ['NET_ADMIN'] });
const capable = ['setpriv', '--bounding-set=-all,+net_admin,+net_raw', '--no-new-privs'];
const attacker = 'app/elasticsearch';

describe.each(attackWays)('attacks in between, engine $name', { timeout: 120_000 }, ({ engine, backend }) => {
  let site: Site;
  let daemon: Daemon;
  beforeAll(async () => {
    site = await openSite({ engine, routed: true });
    await site.host.compose('app', project, 'up', '-d');
    const stream = await site.host.stream(attacker, denied);
    await sleep(500);
    await stream.stop();
    expect(await site.private.observer.count(stream.token)).toBeGreaterThan(0);
    await newcomerSpeaks();
    site.host.write('/etc/sluice/policy.yaml', policy(''));
    daemon = await runDaemon();
  });
  afterAll(() => site?.stop());

  const runDaemon = () => site.host.daemon({ args: ['--backend', backend] });
  const denied = { proto: 'udp', to: places.private.v4, port: 7_777, rate: 500 } as const;

  /** A new container is let out, within the patience of `until`; it is gone afterwards. */
  async function newcomerSpeaks(): Promise<void> {
    const labels = Object.entries({ project: 'app', service: 'mongo', 'container-number': '2', oneoff: 'False' });
    const named = labels.flatMap(([key, value]) => ['--label', `com.docker.compose.${key}=${value}`]);
    await site.host.docker('run', '-d', '--name', 'newcomer', '--network', 'app_default', ...named, 'lab/app');
    const speaks = async () =>
      (await arrivals(site, [{ from: 'newcomer', to: places.internet.v4, port: 80 }])).length > 0;
    // he is denied until he has a seat, and on a busy machine a first packet is lost now and then
    await until('the newcomer to speak', async () => (await speaks()) || undefined);
    await site.host.docker('rm', '-f', 'newcomer');
  }

  test('no packet gets out while policies change, the daemon dies and comes back, and networks come and go', async () => {
    const streams = [
      await site.host.stream(attacker, denied),
      await site.host.stream(attacker, { ...denied, fresh: true, port: 7_778 }),
    ];
    for (const more of [', "10.9.9.8"', ', internet', '']) {
      site.host.write('/etc/sluice/policy.yaml', policy(more));
      expect((await site.host.sluice('apply')).code).toBe(0);
    }
    await daemon.kill();
    const { name } = await site.host.container('app/mongo');
    await site.host.docker('network', 'disconnect', 'app_default', name);
    await site.host.docker('network', 'connect', 'app_default', name);
    await site.host.docker('network', 'create', 'other');
    daemon = await runDaemon();
    await site.host.docker('restart', '-t', '0', name);
    await site.host.docker('network', 'rm', 'other');
    for (const stream of streams) {
      expect((await stream.stop()).sent).toBeGreaterThan(300);
      expect(await site.arrivedAnywhere(stream.token)).toBe(false);
    }
    await expect.poll(async () => (await daemon.status()).troubles).toEqual([]);
  });

  test('a storm of link events from inside keeps nobody from being seated, and status tells the truth', async () => {
    const flaps = Array.from({ length: 500 }, () => 'link set eth0 down\nlink set eth0 up\n').join('');
    const storm = site.host.inNetworkOf('app/app', [...capable, 'ip', '-batch', '-'], { input: flaps });
    await newcomerSpeaks();
    await storm;
    const now = async () => {
      const { state, troubles } = await daemon.status();
      return [state, troubles];
    };
    await expect.poll(now).toEqual(['enforcing', []]);
    await expectAllowed(site, [{ from: 'app/mongo', to: places.internet.v4, port: 80 }]);
  });
});
