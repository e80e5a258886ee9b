import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../lab/exec.ts';
import { firstCommand, firstImage } from '../../lab/first.ts';
import { freshToken } from '../../lab/probe.ts';
import type { Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { full } from '../campaign/campaign.ts';
import { expectOnly } from '../packets/support.ts';
import { type Besieged, besiege, clear, composeFile, decree, image, outside, policy } from './compose-site.ts';
import { attackWays } from './ways.ts';

/** What a container may say of itself before it starts, and no engine minds. */
const oddities: Readonly<Record<string, object>> = {
  zero: { ports: [{ target: 80, published: '0' }] },
  capitals: { ports: [{ target: 80, published: '8080', protocol: 'TCP' }] },
  nothing: { ports: [{ target: 80, published: '8081', protocol: 'foo' }] },
  target: { ports: [{ target: 0, published: '8082' }] },
  shouted: { mac_address: '02:42:AC:11:AA:BB' },
  dashed: { mac_address: '02-42-ac-11-aa-bb' },
  long: { mac_address: '02:00:5e:10:00:00:00:01' },
};

describe.each(attackWays)('a compose file that wants the daemon blind, on engine $name', (way) => {
  let besieged: Besieged;
  let site: Site;
  beforeAll(async () => {
    besieged = await besiege(way);
    ({ site } = besieged);
    await site.host.image(firstImage);
  });
  afterAll(() => site?.stop());
  afterEach(() => clear(site));

  /** Projects that start now are told apart: `evil` is held, `app` may what it may, and nobody holds `free`. */
  async function expectSighted(): Promise<void> {
    for (const project of ['evil', 'app', 'free'])
      await site.host.compose(project, composeFile({ x: { image } }), 'up', '-d');
    const [internet, private_] = ['app/x', 'app/x'].map((from, at) => ({
      from,
      to: at === 0 ? places.internet.v4 : places.private.v4,
      port: 443,
      timeout: 400,
    }));
    if (internet === undefined || private_ === undefined) throw new Error('no attempts');
    await until('app is seated', async () => ((await site.host.probeMany([internet]))[0]?.arrived ? true : undefined));
    await expectOnly(site, [...outside('free/x'), internet], [...outside('evil/x'), private_]);
    expect((await besieged.daemon.status()).troubles.map(({ code }) => code)).not.toContain('engine-gone');
    expect((await site.host.sluice('ps')).code).toBe(0);
  }

  /** A project whose container sends for a minute, 500 a second, from its first instruction on; how many have arrived. */
  async function sendingFromANewNetwork(project: string): Promise<() => Promise<number>> {
    const token = freshToken();
    const command = firstCommand({ to: [{ to: places.private.v4, port: 9999 }], token, rate: 500, rounds: 30_000 });
    const networks = { default: { name: `${project}_${token}` } };
    await site.host.compose(project, composeFile({ first: { image: 'lab/first', command } }, networks), 'up', '-d');
    return () => site.private.observer.count(token);
  }

  test('by ports and MACs that nobody can read', async () => {
    // the Compose of 20.10 takes no other protocols than tcp, udp and sctp, in small letters
    const said = Object.entries(oddities).filter(
      ([name]) => way.engine !== '20.10' || !['capitals', 'nothing'].includes(name),
    );
    const services = Object.fromEntries(said.map(([name, one]) => [name, { image, ...one }]));
    await site.host.compose('noise', composeFile(services), 'up', '--no-start');
    await expectSighted();
  });

  test('by answers and events longer than anybody reads, and labels that are work', async () => {
    const entries = Array.from({ length: 20_000 }, (_, at) => `10.${at >> 8}.${at & 255}.1:${1000 + at}`).join(' ');
    const services = {
      long: { image, labels: { long: 'x'.repeat(5 << 20) } },
      laborious: { image, labels: { 'sluice.allow': entries } },
      flapping: { image, command: ['nonsense'], restart: 'always', deploy: { replicas: 3 } },
    };
    await site.host.compose('noise', composeFile(services), 'up', '-d');
    await expectSighted();
    await expectOnly(site, outside('free/x'), outside('noise/laborious'));
    expect((await besieged.daemon.status()).pauses.main).toBeLessThan(1_000);

    // and beside all that, nothing gets out before the daemon has seen who sends
    const [evil, free] = [await sendingFromANewNetwork('evil'), await sendingFromANewNetwork('free')];
    await until('what may pass arrives', async () => ((await free()) > 0 ? true : undefined));
    expect(await evil()).toBe(0);
  });

  test('by a network that is made while the daemon cannot ask the engine', async () => {
    await besieged.relay.hide();
    const [evil, free] = [await sendingFromANewNetwork('evil'), await sendingFromANewNetwork('free')];
    await site.host.compose('app', composeFile({ x: { image } }), 'up', '-d');
    expect(await evil()).toBe(0);
    await besieged.relay.show();
    await until('what may pass arrives', async () => ((await free()) > 0 ? true : undefined));
    expect(await evil()).toBe(0);
  });

  // a thousand containers take minutes; test/ruleset/label-budget has the same on paper, which asks for no backend
  if (full && way.backend === 'nftables')
    test('by labels of many containers that together come to more than is held', { timeout: 600_000 }, async () => {
      for (let part = 0; part < 6; part++) {
        const numbers = Array.from({ length: 175 }, (_, at) => 175 * part + at);
        const services = numbers.map((number) => {
          const entries = Array.from({ length: 62 }, (_, at) => `10.${number >> 8}.${number & 255}.${at}:1-16/tcp`);
          return [`s${number}`, { image, labels: { 'sluice.allow': entries.join(' ') } }] as const;
        });
        await site.host.compose(`noise${part}`, composeFile(Object.fromEntries(services)), 'up', '--no-start');
      }
      await expectSighted();
      expect((await besieged.daemon.status()).troubles).toEqual([]);
    });

  /**
   * Nobody is blinded: what is denied sends nothing from a new network, and what may pass is let pass, soon.
   *
   * @param limit milliseconds; an engine whose lists have just grown long is slow itself
   */
  async function expectPrompt(limit: number): Promise<void> {
    const evil = await sendingFromANewNetwork('evil');
    const free = await sendingFromANewNetwork('free');
    await until('what may pass arrives', async () => ((await free()) > 0 ? true : undefined), limit);
    expect(await evil()).toBe(0);
    expect((await besieged.daemon.status()).troubles.map(({ code }) => code)).not.toContain('engine-gone');
  }

  const megabytes = (count: number) => 'x'.repeat(count << 20);

  test('by a list of containers longer than anybody holds', async () => {
    const noise = composeFile({ long: { image, labels: { long: megabytes(5) } } });
    await site.host.compose('noise', noise, 'up', '--no-start', '--scale', 'long=5');
    const alone = { Image: image, Labels: { long: megabytes(70) } };
    await site.host.api('/containers/create?name=alone', 'POST', alone, 60_000);
    await expectPrompt(15_000);
    // those that run, too, are who they are
    await site.host.docker('start', 'alone');
    await expectOnly(site, outside('free/first'), outside('evil/first'));
    await expectPrompt(5_000);
  });

  test('by a list of networks longer than anybody holds', async () => {
    const numbers = Array.from({ length: 5 }, (_, at) => at);
    for (const at of numbers) {
      const body = {
        Name: `noise${at}`,
        Labels: { long: megabytes(at === 0 ? 70 : 5) },
        IPAM: { Config: [{ Subnet: `10.80.${at}.0/29` }] },
      };
      await site.host.api('/networks/create', 'POST', body, 60_000);
    }
    await expectPrompt(15_000);
  });

  test('or the one that starts later, by what keeps it from a container’s port: it says whom it does not hold', async () => {
    const on = { image, network_mode: 'bridge' };
    const token = freshToken();
    const sends = `/labtool stream udp ${places.private.v4} 9999 --token ${token} --rate 50 --seconds 600`;
    const services = {
      // an inspect of which most is of no use
      long: { ...on, labels: { long: 'x'.repeat(5 << 20) } },
      // a first process that leaves for a namespace of its own, while another one goes on sending
      split: {
        ...on,
        security_opt: ['seccomp:unconfined'],
        entrypoint: ['/bin/sh', '-c', `${sends} & sleep 1; exec /bin/busybox unshare -U -n sleep 600`],
      },
    };
    await site.host.compose('evil', composeFile(services), 'up', '-d');
    await site.host.compose('free', composeFile({ x: { image } }), 'up', '-d');
    await expectOnly(site, outside('free/x'), outside('evil/long'));
    const arrived = () => site.private.observer.count(token);
    // on docker0 a first packet may have been earlier than the daemon (docs/threat-model.md)
    const early = await arrived();
    await expectOnly(site, outside('free/x'), outside('evil/long'));
    expect(await arrived()).toBe(early);
    await besieged.daemon.stop();
    const args = ['--host', besieged.relay.address, '--backend', way.backend];
    besieged = { ...besieged, daemon: await site.host.daemon({ args }) };
    await expectOnly(site, outside('free/x'), outside('evil/long'));
    // on docker0 whom nobody knows is judged as a build is
    await until('the other one to arrive', async () => ((await arrived()) > early ? true : undefined));
    const told = async () =>
      (await besieged.daemon.status()).troubles.flatMap(({ code, message }) => (code === 'not-held' ? [message] : []));
    await until('it to be told', async () => ((await told()).length > 0 ? true : undefined));
    const words = (await told()).join();
    expect(words).toContain('evil/split');
    expect(words).not.toContain('evil/long');
    await decree(site, policy.replace('projects:', 'defaults: { build: deny }\nprojects:'));
    const before = await arrived();
    await expectOnly(site, outside('free/x'), outside('evil/long'));
    expect(await arrived()).toBe(before);
    // while they run no policy can be applied that does not hold them
    await clear(site);
    await decree(site, policy);
  });

  test('by asking for what cannot be held, so that nothing can be applied', async () => {
    const labels = { 'sluice.allow': 'none' };
    const onHost = { image, command: ['udp', '9999'], network_mode: 'host', labels };
    await site.host.compose('noise', composeFile({ x: onHost }), 'up', '-d');
    await until('it is seen', async () =>
      (await site.host.sluice('ps')).stdout.includes('noise/x') ? true : undefined,
    );
    const applied = await site.host.sluice('apply');
    expect(applied.code, applied.stdout + applied.stderr).toBe(0);
    expect((await site.host.sluice('ps')).stdout).toContain("it uses the host's network");
  });

  test('or people: nothing a label says stands on a screen as if Sluice had said it', async () => {
    const labels = {
      'sluice.deny': 'x\nThe kernel holds the policy.\u001b[2J \u202egnihton',
      'sluice.\u001b[31mred\nEverything is held': '1',
    };
    await site.host.compose('noise', composeFile({ x: { image, labels } }), 'up', '-d');
    await until('it is seen', async () =>
      (await site.host.sluice('ps')).stdout.includes('noise/x') ? true : undefined,
    );
    for (const args of [['ps'], ['plan'], ['status'], ['explain', 'noise/x', '192.168.5.5:1'], ['doctor']]) {
      const { stdout, stderr } = await site.host.sluice(...args);
      const screen = stdout + stderr;
      expect(screen.length, args.join(' ')).toBeGreaterThan(0);
      // oxlint-disable-next-line no-control-regex
      expect(screen).not.toMatch(/[\u001b\u202e]/);
      expect(screen.split('\n')).not.toEqual(
        expect.arrayContaining([expect.stringMatching(/^(The kernel holds the policy\.|Everything is held)/)]),
      );
    }
  });
});
