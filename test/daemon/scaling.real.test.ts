import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../lab/exec.ts';
import { firstCommand, firstImage } from '../../lab/first.ts';
import { freshToken } from '../../lab/probe.ts';
import { engines } from '../../lab/roots.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { full } from '../campaign/campaign.ts';

/** Datagrams of each replica to each of two places, and so many a second. */
const [rounds, rate] = [60, 100];
const policy = 'version: 1\nprojects: { fleet: { allow: ["internet:443/udp"] } }\n';

describe.each(full ? engines : (['28.5', '20.10'] as const))(
  'a service that is scaled, engine %s',
  { timeout: 180_000 },
  (engine) => {
    let site: Site;

    beforeAll(async () => {
      site = await openSite({ engine });
      await site.host.image(firstImage);
      site.host.write('/etc/sluice/policy.yaml', policy);
    });
    afterAll(() => site?.stop());

    /** Every replica sends to the internet, which policy allows, and to a private host, which it does not. */
    function compose(token: string, ...args: string[]): Promise<string> {
      const to = [site.internet.v4, site.private.v4].map((address) => ({ to: address, port: 443 }));
      const command = JSON.stringify(firstCommand({ to, token, rate, rounds }));
      const file = `version: '2.4'\nservices:\n  one: { image: ${firstImage.name}, command: ${command} }\n`;
      return site.host.compose('fleet', file, ...args);
    }

    /** What has arrived when so many containers have sent it all. Of the allowed ones the first may be late on a busy machine. */
    async function arrivedOf(token: string, containers: number): Promise<{ most: boolean; denied: number }> {
      const most = async () => (await site.internet.observer.count(token)) >= containers * rounds * 0.95;
      await until(`the packets of ${containers}`, async () => ((await most()) ? true : undefined), 20_000);
      await sleep(300);
      return { most: await most(), denied: await site.private.observer.count(token) };
    }

    const scale = (token: string, replicas: number) =>
      compose(token, 'up', '-d', '-t', '0', '--scale', `one=${replicas}`);

    test('without Sluice what all replicas send arrives', async () => {
      const token = freshToken();
      await scale(token, 3);
      expect(await arrivedOf(token, 3)).toEqual({ most: true, denied: 3 * rounds });
      await compose(token, 'down', '-t', '0');
    });

    test('up, down and up again, and run once: each newcomer is held from its first packet on', async () => {
      await site.host.daemon();
      const token = freshToken();
      // so many containers have been started when it has so many replicas: those that are there stay
      for (const [replicas, started] of [
        [1, 1],
        [5, 5],
        [1, 5],
        [3, 7],
      ] as const) {
        await scale(token, replicas);
        const arrived = await arrivedOf(token, started);
        expect(arrived, `scaled to ${replicas}`).toEqual({ most: true, denied: 0 });
      }
      await compose(token, 'run', '-d', '--rm', 'one');
      expect(await arrivedOf(token, 8)).toEqual({ most: true, denied: 0 });
    });
  },
);
