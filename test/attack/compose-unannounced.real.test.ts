import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../lab/exec.ts';
import { firstCommand, firstImage } from '../../lab/first.ts';
import { freshToken } from '../../lab/probe.ts';
import type { Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { type Besieged, besiege, clear, composeFile, idle } from './compose-site.ts';
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
    let besieged: Besieged;
    let site: Site;
    beforeAll(async () => {
      besieged = await besiege(way);
      ({ site } = besieged);
      await site.host.image(firstImage);
    });
    afterAll(() => site?.stop());
    afterEach(async () => {
      await besieged.relay.show();
      await clear(site);
    });

    /** What a sender has of which this many packets have arrived. */
    interface Sender {
      readonly service: { readonly image: string; readonly command: readonly string[] };
      arrived(): Promise<number>;
    }

    function sender(): Sender {
      const token = freshToken();
      const command = firstCommand({ to: [{ to: places.private.v4, port: 9999 }], token, rate: 500, rounds: 60_000 });
      return { service: { image: 'lab/first', command }, arrived: () => site.private.observer.count(token) };
    }

    const up = (project: string, services: object, networks: object = {}) =>
      site.host.compose(project, composeFile(services, networks), 'up', '-d');
    const arrives = (one: Sender) =>
      until('what may pass arrives', async () => ((await one.arrived()) > 0 ? true : undefined), 15_000);
    const sees = () =>
      until('the daemon sees', async () => {
        const { troubles } = await besieged.daemon.status();
        return troubles.some(({ code }) => code === 'engine-gone') ? undefined : true;
      });
    const isBlind = () =>
      until('the daemon is blind', async () => {
        const { troubles } = await besieged.daemon.status();
        return troubles.some(({ code }) => code === 'engine-gone') ? true : undefined;
      });
    /** Whose control group is not where an engine puts them. */
    const elsewhere = { cgroup_parent: '/elsewhere/deep' };
    const field = { default: { external: true, name: 'free_default' } };

    /** A network that stands and is not enrolled, with somebody on it who may send and does. */
    async function begin(): Promise<void> {
      const first = sender();
      await up('free', { x: idle, quiet: idle, sending: first.service });
      await arrives(first);
    }

    async function hide(): Promise<void> {
      await besieged.relay.hide();
      await site.host.compose('poke', composeFile({ x: idle }), 'up', '-d'); // which it would like to read of
      await isBlind();
    }

    test('sends nothing on a network that stands while the daemon is blind, and who was known goes on', async () => {
      await begin();
      const known = sender();
      await site.host.compose('free', composeFile({ x: idle, quiet: idle, known: known.service }), 'create');
      await new Promise((resolve) => setTimeout(resolve, 1_000)); // it is read of
      await hide();
      const [evil, hidden, free] = [sender(), sender(), sender()];
      await up('evil', { x: evil.service, hidden: { ...hidden.service, ...elsewhere } }, field);
      await site.host.compose('free', composeFile({ x: idle, quiet: idle, known: known.service }), 'start', 'known');
      await arrives(known);
      await up('later', { x: free.service }, field);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      for (const one of [evil, hidden, free]) expect(await one.arrived()).toBeLessThanOrEqual(most);
      await besieged.relay.show();
      await sees();
      await arrives(free);
      expect(await evil.arrived()).toBeLessThanOrEqual(most);
    });

    test('sends nothing on docker0 while builds may run', async () => {
      const run = (name: string, { service }: Sender, ...args: string[]) =>
        site.host.docker('run', '-d', '--name', name, ...args, 'lab/first', ...service.command);
      const label = ['--label', 'com.docker.compose.project=evil', '--label', 'com.docker.compose.service=x'];
      const first = sender();
      await run('first', first);
      await arrives(first);
      await hide();
      const evil = sender();
      await run('evil', evil, ...label);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      expect(await evil.arrived()).toBeLessThanOrEqual(most);
      const before = await first.arrived();
      await until('the other goes on', async () => ((await first.arrived()) > before ? true : undefined));
      await besieged.relay.show();
      await sees();
      expect(await evil.arrived()).toBeLessThanOrEqual(most);
    });

    test('sends nothing from the namespace of somebody who may', async () => {
      await begin();
      const { name } = await site.host.container('free/x');
      await hide();
      const evil = sender();
      const { name: quiet } = await site.host.container('free/quiet');
      const hidden = sender();
      await up('evil', {
        x: { ...evil.service, network_mode: `container:${name}` },
        hidden: { ...hidden.service, ...elsewhere, network_mode: `container:${quiet}` },
      });
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      for (const one of [evil, hidden]) expect(await one.arrived()).toBeLessThanOrEqual(most);
      await besieged.relay.show();
      await sees();
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      for (const one of [evil, hidden]) expect(await one.arrived()).toBeLessThanOrEqual(most);
    });

    test('sends nothing by a network that it was connected to before it starts, of which the engine tells nobody', async () => {
      await begin();
      for (let round = 0; round < 5; round++) {
        const evil = sender();
        await site.host.compose('evil', composeFile({ x: evil.service }), 'create');
        const filters = encodeURIComponent(JSON.stringify({ label: ['com.docker.compose.project=evil'] }));
        const list = (await site.host.api(`/containers/json?all=1&filters=${filters}`)) as readonly {
          readonly Id: string;
        }[];
        const id = list[0]?.Id ?? '';
        await site.host.api('/networks/evil_default/disconnect', 'POST', { Container: id });
        await site.host.api('/networks/free_default/connect', 'POST', { Container: id });
        await site.host.api(`/containers/${id}/start`, 'POST');
        await new Promise((resolve) => setTimeout(resolve, 500));
        expect(await evil.arrived()).toBeLessThanOrEqual(most);
        await site.host.docker('rm', '-f', id);
      }
      const free = sender();
      await up('later', { x: free.service }, field);
      await arrives(free);
    });
  },
);
