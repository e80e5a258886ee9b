import { readFileSync } from 'node:fs';
import { until } from '../../../lab/exec.ts';
import { firstCommand, firstImage, readTally } from '../../../lab/first.ts';
import { freshToken } from '../../../lab/probe.ts';
import { places } from '../../../lab/world.ts';
import { seatOf } from '../../packets/forging.ts';
import type { Attempt } from '../../packets/support.ts';
import type { Bench } from '../bench.ts';
import { proxyOnly } from '../ground.ts';
import type { Held, Row, Sighting } from '../row.ts';
import { addressesOf, runBeside } from '../run-in.ts';
import { byProbes } from '../sightings.ts';

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
`,
  allowed: proxyOnly.allowed,
};

export const reusedAddress: Row = {
  number: 43,
  title: 'the address of one that has ended',
  tries: 'A container takes the addresses and the MAC of a stopped one that may reach more, on the same network.',
  is: {
    state: 'closed',
    under: [mongoAlone],
    enforces: true,
    attempt: async (bench) => {
      const { site } = bench;
      const { host } = site;
      const { name } = await host.container('app/mongo');
      const { v4, v6, mac } = await seatOf(site, 'app/mongo');
      await bench.enforce(mongoAlone.policy);
      await host.docker('stop', '-t', '0', name);
      const seat = ['--network', 'app_default', '--ip', v4, '--ip6', v6, '--mac-address', mac];
      try {
        await runBeside(site, 'heir', seat);
        const to = [places.internet, places.private];
        return await byProbes(
          site,
          to.flatMap((place): readonly Attempt[] => [
            { from: 'heir', to: place.v4, port: 443 },
            { from: 'heir', to: place.v6, port: 443 },
            { from: 'heir', to: place.v4, port: 514, proto: 'udp' },
          ]),
        );
      } finally {
        await host.docker('rm', '-f', 'heir');
        await host.docker('start', name);
        await addressesOf(site, 'app/mongo');
      }
    },
  },
};
