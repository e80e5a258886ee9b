import { hostAddress, places } from '../../../lab/world.ts';
import { gatewayOf, linkLocal } from '../../packets/forging.ts';
import type { Attempt } from '../../packets/support.ts';
import { allAddresses } from '../ground.ts';
import type { Row } from '../row.ts';
import { byProbes } from '../sightings.ts';

const from = 'app/app';
const everyProtocol = (to: string): readonly Attempt[] => [
  { from, to, port: 22 },
  { from, to, port: 514, proto: 'udp' },
  { from, to, proto: 'icmp' },
];

export const global: Row = {
  number: 22,
  title: 'IPv6 beside rules for IPv4',
  tries: 'Global and unique local IPv6 destinations, which rules in iptables alone never see.',
  is: {
    state: 'closed',
    attempt: ({ site }) =>
      byProbes(site, [places.internet.v6, places.ten.v6, places.private.v6, hostAddress.v6].flatMap(everyProtocol)),
  },
};

export const toHostLinkLocal: Row = {
  number: 23,
  title: 'the host by an IPv6 link-local address',
  tries: "The bridge's own fe80:: address, which every bridge has unasked; INPUT takes it, and FORWARD never sees it.",
  is: {
    state: 'closed',
    under: [allAddresses],
    attempt: async ({ site }) => {
      const { mac } = await gatewayOf(site, 'app_default');
      return byProbes(site, everyProtocol(`${linkLocal(mac)}%eth0`));
    },
  },
};
