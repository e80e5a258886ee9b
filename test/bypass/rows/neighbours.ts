import { linkLocal, seatOf } from '../../packets/forging.ts';
import type { Attempt } from '../../packets/support.ts';
import { allAddresses } from '../ground.ts';
import type { Row, Sighting } from '../row.ts';
import { byProbes } from '../sightings.ts';

const from = 'app/app';

export const sameBridge: Row = {
  number: 31,
  title: 'neighbours on the same bridge',
  tries: 'Containers of the own network: their frames are bridged, and pass IP rules only while br_netfilter is on.',
  is: {
    state: 'closed',
    under: [allAddresses],
    attempt: async ({ site }) => {
      const peers = [await seatOf(site, 'app/mongo'), await seatOf(site, 'app/elasticsearch')];
      const attempts = peers.flatMap(({ v4, v6, mac }) =>
        [v4, v6, `${linkLocal(mac)}%eth0`].flatMap((to): readonly Attempt[] => [
          { from, to, port: 9200, timeout: 300 },
          { from, to, port: 9200, proto: 'udp', timeout: 300 },
          { from, to, proto: 'icmp', timeout: 300 },
        ]),
      );
      const seen: Sighting[] = [];
      for (const on of [true, false]) {
        await site.host.setBrNetfilter(on);
        seen.push(...(await byProbes(site, attempts, `, bridge-nf-call-* ${on ? 1 : 0}`)));
      }
      await site.host.setBrNetfilter(true);
      return seen;
    },
  },
};
