import type { Listing } from '../../../src/packetpath/model.ts';
import { firstPacket } from '../../../src/packetpath/walk/ask.ts';
import { surroundingsOfListing } from '../../../src/packetpath/walk/derive.ts';
import { exactly, type Span, spanOf } from '../../../src/packetpath/walk/packet.ts';
import { walkPacket } from '../../../src/packetpath/walk/walk.ts';
import { address } from './words.ts';

/** What rules make of a packet from 172.18.0.2 on br-000000000001 to 192.168.5.5:22. */
export function through(listing: Listing, source: Span = spanOf(address('172.18.0.2'))) {
  return walkPacket(
    listing,
    surroundingsOfListing(listing),
    firstPacket({
      from: { in: { kind: 'name', name: 'br-000000000001' }, port: null },
      family: 4,
      source,
      destination: spanOf(address('192.168.5.5')),
      protocol: 6,
      port: exactly(22n),
    }),
  );
}
