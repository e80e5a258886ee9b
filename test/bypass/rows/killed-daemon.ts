import { places } from '../../../lab/world.ts';
import type { Attempt } from '../../packets/support.ts';
import { proxyOnly } from '../ground.ts';
import type { Row } from '../row.ts';
import { runBeside } from '../run-in.ts';
import { byProbes } from '../sightings.ts';

const out = (from: string): readonly Attempt[] => [
  { from, to: places.private.v4, port: 22 },
  { from, to: places.internet.v4, port: 443 },
];

export const killedDaemon: Row = {
  number: 49,
  title: 'the daemon killed',
  tries: 'SIGKILL: the kernel must not open when its keeper is gone, neither to who was there nor to who comes.',
  is: {
    state: 'closed',
    enforces: true,
    attempt: async (bench) => {
      const { site } = bench;
      const { host } = site;
      await (await bench.keep(proxyOnly.policy))?.kill();
      const late = ['--network', 'app_default', '-l', 'com.docker.compose.project=app'];
      await runBeside(site, 'late', [...late, '-l', 'com.docker.compose.service=late']);
      try {
        return await byProbes(site, [...out('app/app'), ...out('late')]);
      } finally {
        await host.docker('rm', '-f', 'late');
      }
    },
  },
};
