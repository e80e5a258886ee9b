import { places } from '../../../lab/world.ts';
import type { Attempt } from '../../packets/support.ts';
import type { Held, Prepare, Row } from '../row.ts';
import { byProbes } from '../sightings.ts';

/** By such rules the host takes in 8,080 itself and sends 8,053 on to a private host. */
const turned = [
  ['-p', 'tcp', '-d', 'INTERNET', '--dport', '8080', '-j', 'REDIRECT', '--to-ports', '22'],
  ['-p', 'udp', '-d', 'INTERNET', '--dport', '8053', '-j', 'DNAT', '--to-destination', 'PRIVATE'],
];

const turning: Prepare = async ({ site: { host } }) => {
  const all = (['v4', 'v6'] as const).flatMap((family) =>
    turned.map((rule) => ({
      program: family === 'v4' ? 'iptables' : 'ip6tables',
      rule: rule.map((word) =>
        word === 'INTERNET' ? places.internet[family] : word === 'PRIVATE' ? places.private[family] : word,
      ),
    })),
  );
  for (const { program, rule } of all) await host.must([program, '-t', 'nat', '-I', 'PREROUTING', '1', ...rule]);
  return async () => {
    for (const { program, rule } of all) await host.must([program, '-t', 'nat', '-D', 'PREROUTING', ...rule]);
  };
};

const internetAlone: Held = {
  policy: 'version: 1\nprojects:\n  app: { allow: [internet] }\n',
  allowed: [{ from: 'app/app', to: places.internet.v4, port: 443 }],
};

export const turnedElsewhere: Row = {
  number: 63,
  title: 'REDIRECT and DNAT of the host',
  tries:
    'An allowed destination that a rule of the host turns to the host itself or to a private host: such packets are judged by where they end, too.',
  is: {
    state: 'closed',
    under: [internetAlone],
    prepare: turning,
    attempt: ({ site }) =>
      byProbes(
        site,
        [places.internet.v4, places.internet.v6].flatMap((to): readonly Attempt[] => [
          { from: 'app/app', to, port: 8080 },
          { from: 'app/app', to, port: 8053, proto: 'udp' },
        ]),
      ),
  },
};
