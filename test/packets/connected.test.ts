import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { record } from '../campaign/campaign.ts';
import { oneWayEach } from './backends.ts';
import { removePolicy } from './support.ts';

const policy = `version: 1
projects: { app: { allow: [same-project, internet] } }
`;
/** Of what passes without Sluice, how much may at most: processes take longer than a message to the kernel. */
const most = { nftables: 1 / 20, iptables: 1 / 2 };

describe.each(oneWayEach({ '26.1': 'iptables-nft' }))(
  'a running container that is connected to a network nobody has named, on engine $name',
  ({ engine, backend }) => {
    let site: Site;
    let container: string;
    beforeAll(async () => {
      site = await openSite({ engine });
      await site.host.compose('app', article(), 'up', '-d');
      container = (await site.host.container('app/app')).name;
    });
    afterAll(() => site?.stop());

    const names = ['aa0', 'aa1', 'aa2', 'aa3']; // which give them the default route
    const make = (name: string) => site.host.docker('network', 'create', name);

    /** Connects it to networks, made a moment before unless they are there, while it sends; takes them away again. */
    async function leaked(
      networks: 'made then' | 'there before',
    ): Promise<{ readonly sent: number; readonly arrived: number }> {
      const spec = { proto: 'udp', to: places.private.v4, port: 9999, rate: 1000, outside: true } as const;
      const stream = await site.host.stream('app/app', { ...spec, fresh: true });
      for (const name of names) {
        if (networks === 'made then') await make(name);
        await site.host.docker('network', 'connect', name, container);
        await sleep(150);
        await site.host.docker('network', 'disconnect', name, container);
        await site.host.docker('network', 'rm', name);
      }
      const { sent } = await stream.stop();
      await sleep(100);
      return { sent, arrived: await site.private.observer.count(stream.token) };
    }

    test.each(['made then', 'there before'] as const)(
      'sends through it what policy forbids for some thousandths of a second at most: networks %s',
      async (networks) => {
        await removePolicy(site);
        const without = await leaked('made then');
        expect(without.arrived).toBeGreaterThan(without.sent / 2);
        if (networks === 'there before') for (const name of names) await make(name);
        site.host.write('/etc/sluice/policy.yaml', policy);
        await using daemon = await site.host.daemon({ args: ['--backend', backend] });
        const { sent, arrived } = await leaked(networks);
        const numbers = { 'denied that arrived': arrived, 'of four times': sent, 'without Sluice': without.arrived };
        record({ chapter: 'connected', engine, what: `networks ${networks}, by ${backend}`, numbers });
        // the guard acts when the kernel tells of the new port; on a busy machine that is a few packets after it
        const share = backend === 'nftables' ? most.nftables : most.iptables;
        expect([sent > 500, arrived < without.arrived * share], `${arrived} of ${sent}\n${daemon.log}`).toEqual([
          true,
          true,
        ]);
      },
    );

    test('sends nothing through it where the policy has a guardrail, and so holds every network', async () => {
      for (const name of names) await make(name);
      site.host.write('/etc/sluice/policy.yaml', `${policy}guardrails: { deny: [cloud-metadata] }\n`);
      await using daemon = await site.host.daemon({ args: ['--backend', backend] });
      const { sent, arrived } = await leaked('there before');
      expect([sent > 500, arrived], daemon.log).toEqual([true, 0]);
    });
  },
);
