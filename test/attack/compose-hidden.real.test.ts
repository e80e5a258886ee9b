import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { full } from '../campaign/campaign.ts';
import { composeFile, idle } from './compose-site.ts';
import { field, pause, type Sender, Strangers } from './strangers.ts';
import { attackWays } from './ways.ts';

/**
 * A container of which nobody has told is known by its control group, and whoever makes it may hide that: in a folder that is
 * called like a container, behind another folder of its name, deeper than anybody watches, by moving within it. Or it is known, and comes
 * where nobody expects it. Beside each sends one that hides nothing (compose-unannounced has the controls: all of these arrive where
 * nobody holds them).
 */
describe.each(attackWays.filter(({ backend }) => backend === 'nftables'))(
  'a container that hides, on engine $name',
  { timeout: 180_000 },
  (way) => {
    let strangers: Strangers;
    beforeAll(async () => {
      strangers = await Strangers.open(way);
    });
    afterAll(() => strangers?.site.stop());
    afterEach(() => strangers.clear());

    let made = 0;
    /** A folder's name that looks like a container's. */
    const idLike = () => (++made).toString(16).padStart(64, 'f');

    async function expectNone(...senders: readonly Sender[]): Promise<void> {
      expect(await Promise.all(senders.map((one) => one.arrived()))).toEqual(senders.map(() => 0));
    }

    /** Whoever may send does, so that nothing was cut off but them. */
    async function expectSomebody(): Promise<void> {
      const later = strangers.sender();
      await strangers.up('free', { x: idle, quiet: idle, later: later.service });
      await strangers.arrives(later);
    }

    test('in a folder that is called like a container', async () => {
      await strangers.begin();
      const { name } = await strangers.site.host.container('free/x');
      await strangers.hide();
      const all = [1, 2, 3, 4].map(() => strangers.sender()) as [Sender, Sender, Sender, Sender];
      const [onField, plain, joiner, onDocker0] = all;
      const services = {
        a: { ...onField.service, cgroup_parent: `/${idLike()}` },
        b: plain.service,
        c: { ...joiner.service, cgroup_parent: `/${idLike()}`, network_mode: `container:${name}` },
        d: { ...onDocker0.service, cgroup_parent: `/${idLike()}`, network_mode: 'bridge' },
      };
      await strangers.up('evil', services, field);
      await pause(1_500);
      await expectNone(...all);
      await strangers.show();
      await pause(1_000);
      await expectNone(...all);
      await strangers.site.host.compose('evil', composeFile({ x: idle }), 'down', '-t', '0', '--remove-orphans');
      await expectSomebody();
    });

    test('behind another folder of its name', async () => {
      await strangers.begin();
      await strangers.hide();
      for (let round = 0; round < 2; round++) {
        const [hidden, helper] = [strangers.sender(), `helper${round}`];
        await strangers.site.host.compose('evil', composeFile({ [`x${round}`]: hidden.service }, field), 'create');
        const id = await strangers.idOf(`x${round}`);
        await strangers.up('more', { [helper]: { ...idle, cgroup_parent: `/more/${id}` } });
        await strangers.site.host.docker('start', id);
        await pause(1_000);
        await expectNone(hidden);
      }
      await strangers.show();
      await expectSomebody();
    });

    test('and is known, is taken off all its networks and connected to another while it runs', async () => {
      await strangers.begin();
      for (const isBlind of [false, true]) {
        const evil = strangers.sender();
        await strangers.up('evil', { [`x${isBlind}`]: evil.service });
        const id = await strangers.idOf(`x${isBlind}`);
        await pause(6_000); // it is no newcomer any more
        if (isBlind) await strangers.hide();
        await strangers.site.host.api('/networks/evil_default/disconnect', 'POST', { Container: id });
        await strangers.site.host.api('/networks/free_default/connect', 'POST', { Container: id });
        await pause(1_000);
        await expectNone(evil);
      }
      await strangers.show();
      await expectSomebody();
    });

    test('starts after a daemon that cannot read the engine', async () => {
      await strangers.begin();
      await strangers.besieged.relay.hide();
      await strangers.restart();
      await pause(2_000);
      const evil = strangers.sender();
      await strangers.up('evil', { x: evil.service }, field);
      await pause(1_000);
      await expectNone(evil);
      await strangers.show();
      await expectSomebody();
      await expectNone(evil);
    });

    if (full)
      test('and is let go on docker0 after more than half a minute', async () => {
        await strangers.begin();
        await strangers.hide();
        const evil = strangers.sender();
        await strangers.up('evil', { x: { ...evil.service, network_mode: 'bridge' } });
        await pause(32_000);
        await strangers.show();
        await pause(4_000);
        await expectNone(evil);
      });

    // runc of that time refuses it
    if (full && way.engine !== '20.10')
      test('deeper than anybody watches', async () => {
        await strangers.begin();
        const { name } = await strangers.site.host.container('free/x');
        // the engine takes away the last folder alone
        for (const root of ['aa', 'ab', 'ac'])
          await strangers.site.host.must(
            [
              'docker',
              'run',
              '--rm',
              '--cgroup-parent',
              `/${root}${'/d'.repeat(1_500)}`,
              '--entrypoint',
              '/bin/sleep',
              'lab/app',
              '0',
            ],
            { timeout: 60_000 },
          );
        for (const anew of [false, true]) {
          if (anew) await strangers.restart();
          await pause(4_000);
          await strangers.hide();
          const [hidden, joiner] = [strangers.sender(), strangers.sender()];
          const services = {
            [`a${anew}`]: { ...hidden.service, cgroup_parent: '/farther/deep' },
            [`b${anew}`]: { ...joiner.service, network_mode: `container:${name}` },
          };
          await strangers.up('evil', services, field);
          await pause(1_500);
          await expectNone(hidden, joiner);
          await strangers.site.host.compose('evil', composeFile({ x: idle }), 'down', '-t', '0', '--remove-orphans');
          await strangers.show();
        }
      });
  },
);
