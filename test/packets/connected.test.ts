import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { record } from '../campaign/campaign.ts';
import { oneWayEach } from './backends.ts';

const policy = `version: 1
projects: { app: { allow: [same-project, internet] } }
`;

describe.each(oneWayEach({ '26.1': 'iptables-nft' }))(
  'a running container that is connected to a network nobody has named, on engine $name',
  ({ engine, backend }) => {
    let site: Site;
    let container: string;
    beforeAll(async () => {
      site = await openSite({ engine });
      await site.host.compose('app', article(), 'up', '-d');
      container = (await site.host.container('app/app')).name;
      site.host.write('/etc/sluice/policy.yaml', policy);
    });
    afterAll(() => site?.stop());

    /** Connects it to networks made a moment ago, whose names give them the default route, while it sends. */
    async function leaked(): Promise<{ readonly sent: number; readonly arrived: number }> {
      const spec = { proto: 'udp', to: places.private.v4, port: 9999, rate: 1000, outside: true } as const;
      const stream = await site.host.stream('app/app', { ...spec, fresh: true });
      for (let round = 0; round < 4; round++) {
        const name = `aa${round}`;
        await site.host.docker('network', 'create', name);
        await site.host.docker('network', 'connect', name, container);
        await sleep(150);
        await site.host.docker('network', 'disconnect', name, container);
        await site.host.docker('network', 'rm', name);
      }
      const { sent } = await stream.stop();
      await sleep(100);
      return { sent, arrived: await site.private.observer.count(stream.token) };
    }

    test('sends through it what policy forbids for some thousandths of a second at most', async () => {
      const without = await leaked();
      expect(without.arrived).toBeGreaterThan(without.sent / 2);
      const daemon = await site.host.daemon({ args: ['--backend', backend] });
      const { sent, arrived } = await leaked();
      record({
        chapter: 'connected',
        engine,
        what: `four times in a row${backend === 'nftables' ? '' : `, by ${backend}`}`,
        numbers: { 'arrived without Sluice': without.arrived, 'sent beside Sluice': sent, arrived },
      });
      // the guard acts when the kernel tells of the new port; on a busy machine that is a few packets after it
      expect([sent > 500, arrived < without.arrived / 20], `${arrived} of ${sent}\n${daemon.log}`).toEqual([
        true,
        true,
      ]);
      await daemon.stop();
    });

    test('sends nothing through it where the policy has a guardrail, and so holds every network', async () => {
      site.host.write('/etc/sluice/policy.yaml', `${policy}guardrails: { deny: [cloud-metadata] }\n`);
      await using daemon = await site.host.daemon({ args: ['--backend', backend] });
      const { sent, arrived } = await leaked();
      expect([sent > 500, arrived], daemon.log).toEqual([true, 0]);
    });
  },
);
