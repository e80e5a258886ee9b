import { hostAddress } from '../../../lab/world.ts';
import { gatewayOf } from '../../packets/forging.ts';
import type { Attempt } from '../../packets/support.ts';
import { allAddresses } from '../ground.ts';
import type { Row } from '../row.ts';
import { byProbes } from '../sightings.ts';

const families = ['v4', 'v6'] as const;
const everyService = (to: string): readonly Attempt[] => [
  { from: 'app/app', to, port: 22 },
  { from: 'app/app', to, port: 9000, proto: 'udp' },
  { from: 'app/app', to, proto: 'icmp' },
];

export const byGateway: Row = {
  number: 26,
  title: "the host by its bridge's gateway",
  tries:
    "The host's address on the own network: such packets go to INPUT, and rules in FORWARD or DOCKER-USER miss them.",
  is: {
    state: 'closed',
    under: [allAddresses],
    attempt: async ({ site }) => {
      const gateways = [await gatewayOf(site, 'app_default'), await gatewayOf(site, 'shop_default')];
      return byProbes(
        site,
        gateways.flatMap((gateway) => families.flatMap((family) => everyService(gateway[family]))),
      );
    },
  },
};

export const byOwnAddress: Row = {
  number: 27,
  title: 'the host by its LAN or public address',
  tries: "The host's other addresses, which are INPUT as well, and look like any host of the LAN to rules by prefix.",
  is: {
    state: 'closed',
    under: [allAddresses],
    attempt: ({ site }) =>
      byProbes(
        site,
        families.flatMap((family) => everyService(hostAddress[family])),
      ),
  },
};
