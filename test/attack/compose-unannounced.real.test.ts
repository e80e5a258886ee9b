import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../lab/exec.ts';
import type { Site } from '../../lab/site.ts';
import { composeFile, idle } from './compose-site.ts';
import { field, pause, type Sender, Strangers } from './strangers.ts';
import { attackWaysOfBoth } from './ways.ts';

/**
 * Where nobody who is not known is denied, the daemon has to have read of a container before it starts: on a network that
 * stands and is not enrolled, on docker0 while builds may run, and in somebody else's namespace. Here it has not: it finds no
 * engine, or nobody tells it. The senders begin with their first instruction, 500 packets a second.
 */
describe.each(attackWaysOfBoth)(
  'a container of which nobody has told, on engine $name',
  { timeout: 120_000 },
  (way) => {
    /** Packets: with iptables a port is barred by a program that has to be started, some ten milliseconds late. */
    const most = way.backend === 'nftables' ? 0 : 50;
    let strangers: Strangers;
    let site: Site;
    beforeAll(async () => {
      strangers = await Strangers.open(way);
      ({ site } = strangers);
    });
    afterAll(() => strangers?.site.stop());
    afterEach(() => strangers.clear());

    /** Whose control group is not where an engine puts them. */
    const elsewhere = { cgroup_parent: '/elsewhere/deep' };

    test('sends nothing on a network that stands while the daemon is blind, and who was known goes on', async () => {
      await strangers.begin();
      const known = strangers.sender();
      await site.host.compose('free', composeFile({ x: idle, quiet: idle, known: known.service }), 'create');
      await pause(1_000); // it is read of
      await strangers.hide();
      const [evil, hidden, free] = [strangers.sender(), strangers.sender(), strangers.sender()];
      await strangers.up('evil', { x: evil.service, hidden: { ...hidden.service, ...elsewhere } }, field);
      await site.host.compose('free', composeFile({ x: idle, quiet: idle, known: known.service }), 'start', 'known');
      await strangers.arrives(known);
      await strangers.up('later', { x: free.service }, field);
      await pause(1_000);
      for (const one of [evil, hidden, free]) expect(await one.arrived()).toBeLessThanOrEqual(most);
      await strangers.show();
      await strangers.arrives(free);
      expect(await evil.arrived()).toBeLessThanOrEqual(most);
    });

    test('sends nothing on docker0 while builds may run', async () => {
      const run = (name: string, { service }: Sender, ...args: string[]) =>
        site.host.docker('run', '-d', '--name', name, ...args, 'lab/first', ...service.command);
      const label = ['--label', 'com.docker.compose.project=evil', '--label', 'com.docker.compose.service=x'];
      const first = strangers.sender();
      await run('first', first);
      await strangers.arrives(first);
      await strangers.hide();
      const evil = strangers.sender();
      await run('evil', evil, ...label);
      await pause(1_000);
      expect(await evil.arrived()).toBeLessThanOrEqual(most);
      const before = await first.arrived();
      await until('the other goes on', async () => ((await first.arrived()) > before ? true : undefined));
      await strangers.show();
      expect(await evil.arrived()).toBeLessThanOrEqual(most);
    });

    test('sends nothing from the namespace of somebody who may', async () => {
      await strangers.begin();
      const { name } = await site.host.container('free/x');
      await strangers.hide();
      const evil = strangers.sender();
      const { name: quiet } = await site.host.container('free/quiet');
      const hidden = strangers.sender();
      await strangers.up('evil', {
        x: { ...evil.service, network_mode: `container:${name}` },
        hidden: { ...hidden.service, ...elsewhere, network_mode: `container:${quiet}` },
      });
      await pause(1_000);
      for (const one of [evil, hidden]) expect(await one.arrived()).toBeLessThanOrEqual(most);
      await strangers.show();
      await pause(1_000);
      for (const one of [evil, hidden]) expect(await one.arrived()).toBeLessThanOrEqual(most);
    });

    test('sends nothing by a network that it was connected to before it starts, of which the engine tells nobody', async () => {
      await strangers.begin();
      for (let round = 0; round < 5; round++) {
        const evil = strangers.sender();
        await site.host.compose('evil', composeFile({ x: evil.service }), 'create');
        const filters = encodeURIComponent(JSON.stringify({ label: ['com.docker.compose.project=evil'] }));
        const list = (await site.host.api(`/containers/json?all=1&filters=${filters}`)) as readonly {
          readonly Id: string;
        }[];
        const id = list[0]?.Id ?? '';
        await site.host.api('/networks/evil_default/disconnect', 'POST', { Container: id });
        await site.host.api('/networks/free_default/connect', 'POST', { Container: id });
        await site.host.api(`/containers/${id}/start`, 'POST');
        await pause(500);
        expect(await evil.arrived()).toBeLessThanOrEqual(most);
        await site.host.docker('rm', '-f', id);
      }
      const free = strangers.sender();
      await strangers.up('later', { x: free.service }, field);
      await strangers.arrives(free);
    });
  },
);
