import { expect, test } from 'vitest';
import { readListing } from '../../../src/packetpath/read/read.ts';
import { firstPacket } from '../../../src/packetpath/walk/ask.ts';
import { surroundingsOfListing } from '../../../src/packetpath/walk/derive.ts';
import { exactly, spanOf } from '../../../src/packetpath/walk/packet.ts';
import { walkPacket } from '../../../src/packetpath/walk/walk.ts';
import { address } from './words.ts';

/** A packet from eth0 to a destination through one rule, which drops. */
function walked(condition: string, destination: string) {
  const listing = readListing(
    [
      'table inet t {',
      '\tchain c {',
      '\t\ttype filter hook prerouting priority filter; policy accept;',
      `\t\t${condition} drop`,
      '\t}',
      '}',
    ].join('\n'),
  );
  expect(listing.unread).toEqual([]);
  const to = address(destination);
  return walkPacket(
    listing,
    surroundingsOfListing(listing),
    firstPacket({
      from: { in: { kind: 'name', name: 'eth0' }, port: null },
      family: to.family,
      source: spanOf(address(to.family === 4 ? '192.168.5.5' : 'fd00::5')),
      destination: spanOf(to),
      protocol: 17,
      port: exactly(5353n),
    }),
  );
}

test.each([
  // one neighbour's: whose, is not known, but that it is no group's
  ['192.168.0.10', 'ether daddr 01:80:c2:00:00:00-01:80:c2:00:00:0f', 'accepted'],
  ['192.168.0.10', 'ether daddr ff:ff:ff:ff:ff:ff', 'accepted'],
  ['192.168.0.10', 'ether daddr != ff:ff:ff:ff:ff:ff', 'dropped'],
  ['192.168.0.10', 'ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00', 'dropped'],
  ['192.168.0.10', 'ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00', 'accepted'],
  ['192.168.0.10', 'ether daddr 02:42:ac:11:00:02', 'depends'],
  ['192.168.0.10', 'ether daddr 00:00:00:00:00:00-ff:ff:ff:ff:ff:ff', 'depends'],
  ['fd00::10', 'ether daddr 33:33:00:00:00:01', 'accepted'],
  // a group's own
  ['224.0.0.251', 'ether daddr 01:00:5e:00:00:fb', 'dropped'],
  ['239.128.0.251', 'ether daddr 01:00:5e:00:00:fb', 'dropped'],
  ['224.0.0.251', 'ether daddr 01:00:5e:00:00:fc', 'accepted'],
  ['ff02::fb', 'ether daddr 33:33:00:00:00:fb', 'dropped'],
  ['255.255.255.255', 'ether daddr ff:ff:ff:ff:ff:ff', 'dropped'],
] as const)('to %s: %s: %s', (destination, condition, verdict) => {
  expect(walked(condition, destination).verdict).toBe(verdict);
});

test('a question about MACs is asked in MACs', () => {
  const { outcomes } = walked('ether daddr { 02:42:ac:11:00:02, 0a:00:00:00:00:00-0a:00:00:00:00:ff }', '192.168.0.10');
  expect(outcomes.flatMap(({ assumptions }) => assumptions.map(({ text }) => text))).toContain(
    'ether daddr is 02:42:ac:11:00:02 or 0a:00:00:00:00:00-0a:00:00:00:00:ff',
  );
});

test('a question about addresses is asked in those of the packet’s family', () => {
  const { outcomes } = walked(
    'ip6 saddr . ether daddr { ::1 . 02:42:ac:11:00:02, fd00::5 . 02:42:ac:11:00:02 }',
    'fd00::10',
  );
  expect(outcomes.flatMap(({ assumptions }) => assumptions.map(({ text }) => text))).toContain(
    'saddr . ether daddr is ::1 . 02:42:ac:11:00:02 or fd00::5 . 02:42:ac:11:00:02',
  );
});
