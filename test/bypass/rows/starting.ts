import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../../lab/exec.ts';
import { firstCommand, firstImage, readTally } from '../../../lab/first.ts';
import { freshToken } from '../../../lab/probe.ts';
import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import { seatOf } from '../../packets/forging.ts';
import type { Bench } from '../bench.ts';
import { proxyOnly } from '../ground.ts';
import type { Held, Row, Sighting } from '../row.ts';
import { addressesOf } from '../run-in.ts';

/** IPv4 alone: of IPv6 the own address is tentative then, and the kernel of the container sends nothing. */
const targets = [
  { at: 'private', to: places.private.v4, port: 514 },
  { at: 'internet', to: places.internet.v4, port: 443 },
  { at: 'ten', to: places.ten.v4, port: 53 },
] as const;

/** A container whose first instructions send; answers when its kernel has taken all of them. */
async function firstWords({ site }: Bench, identity: readonly string[]): Promise<readonly Sighting[]> {
  const { host } = site;
  const token = freshToken();
  await host.image(firstImage);
  host.write('/run/first/tally', '');
  const command = firstCommand({ to: targets, token, tally: '/tally' });
  const mount = ['-v', '/run/first/tally:/tally'];
  await host.docker(
    'run',
    '-d',
    '--name',
    'first',
    '--network',
    'app_default',
    ...identity,
    ...mount,
    'lab/first',
    ...command,
  );
  try {
    await until('its first words', () => {
      const counts = readTally(readFileSync(host.cell.path('/run/first/tally')));
      return targets.every((_, index) => (counts[index] ?? 0) > 0) ? true : undefined;
    });
    return await Promise.all(
      targets.map(async ({ at, to, port }): Promise<Sighting> => {
        const seen = await site.far(at).saw((packet) => packet.token === token && packet.dst === to);
        return { what: `a first instruction → ${to}:${port}/udp`, at: seen ? [at] : [] };
      }),
    );
  } finally {
    await host.docker('rm', '-f', 'first');
  }
}

export const startWindow: Row = {
  number: 42,
  title: 'a container that sends at its first instruction',
  tries: 'Before whoever watches the engine has heard of its start: as a member of the project, while nobody watches.',
  is: {
    state: 'closed',
    attempt: (bench) =>
      firstWords(bench, ['-l', 'com.docker.compose.project=app', '-l', 'com.docker.compose.service=first']),
  },
};

const mongoAlone: Held = {
  policy: `version: 1
projects:
  app:
    allow: ["${places.proxy.v4}:3128"]
    services: { mongo: { allow: [internet, private] } }
containers: { heir: { allow: none } }
`,
  allowed: proxyOnly.allowed,
};

/** What the one that ends may reach and its heir may not. */
const inherited = [
  { at: 'internet', to: places.internet.v4, port: 443 },
  { at: 'private', to: places.private.v4, port: 514 },
  { at: 'internet', to: places.internet.v6, port: 443 },
  { at: 'private', to: places.private.v6, port: 514 },
] as const;

/** A container of the same place, made beforehand and started as soon as the engine has the address again. */
async function heirOf(site: Site, who: string): Promise<readonly Sighting[]> {
  const { host } = site;
  const { id } = await host.container(who);
  const { v4, v6, mac } = await seatOf(site, who);
  const token = freshToken();
  const tally = '/run/heir/tally';
  await host.image(firstImage);
  host.write(tally, '');
  const seat = ['--network', 'app_default', '--ip', v4, '--ip6', v6, '--mac-address', mac];
  const command = firstCommand({ to: inherited, token, rate: 200, rounds: 1e9, tally: '/tally' });
  await host.docker('create', '--name', 'heir', ...seat, '-v', `${tally}:/tally`, 'lab/first', ...command);
  const started = () =>
    host.api('/containers/heir/start', 'POST').then(
      () => true as const,
      () => undefined, // the address is not free yet
    );
  try {
    await host.api(`/containers/${id}/kill`, 'POST');
    await until('the heir', started, 30_000, 1);
    const sent = () => readTally(readFileSync(host.cell.path(tally)));
    // its IPv6 address is tentative for a second or two
    await until('its words', () => inherited.every((_, index) => (sent()[index] ?? 0) > 200) || undefined);
    await sleep(300);
    return await Promise.all(
      inherited.map(async ({ at, to, port }): Promise<Sighting> => {
        const seen = await site.far(at).seen((packet) => packet.token === token && packet.dst === to);
        return { what: `heir → ${to}:${port}/udp`, at: seen.length > 0 ? [`${at} (${seen.length} times)`] : [] };
      }),
    );
  } finally {
    await host.docker('rm', '-f', 'heir');
    await host.docker('start', id);
    await addressesOf(site, who);
  }
}

export const reusedAddress: Row = {
  number: 43,
  title: 'the address of one that has ended',
  tries:
    'A container takes the addresses and the MAC of one that may reach more, on the same network, as soon as that one has ended, and sends from its first instruction on: while a daemon holds the policy, and with none.',
  is: {
    state: 'closed',
    under: [mongoAlone],
    enforces: true,
    attempt: async ({ enforce, keep, site }) => {
      await enforce(mongoAlone.policy);
      const withNone = await heirOf(site, 'app/mongo');
      await keep(mongoAlone.policy);
      const kept = await heirOf(site, 'app/mongo');
      return [
        ...withNone.map((one) => ({ ...one, what: `${one.what}, with no daemon` })),
        ...kept.map((one) => ({ ...one, what: `${one.what}, while a daemon holds it` })),
      ];
    },
  },
};
