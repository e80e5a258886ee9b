import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Listing } from '../../../src/packetpath/model.ts';
import { readListing } from '../../../src/packetpath/read/read.ts';
import { firstPacket } from '../../../src/packetpath/walk/ask.ts';
import { surroundingsOfListing } from '../../../src/packetpath/walk/derive.ts';
import { neverReached } from '../../../src/packetpath/walk/never-reached.ts';
import { exactly, spanOf } from '../../../src/packetpath/walk/packet.ts';
import type { Outcome } from '../../../src/packetpath/walk/result.ts';
import { elsewhere } from '../../../src/packetpath/walk/surroundings.ts';
import { walkPacket } from '../../../src/packetpath/walk/walk.ts';
import { address } from './words.ts';

/** The article's own listings: what its author saw happen, and why. */
function walked(file: string, from: string, bridge: string, to: string, port = 22) {
  const listing = readListing(readFileSync(join(import.meta.dirname, '..', 'fixtures', file), 'utf8'));
  const surroundings = surroundingsOfListing(listing);
  const asked = firstPacket({
    from: { in: { kind: 'name', name: bridge }, port: elsewhere(surroundings) },
    family: 4,
    source: spanOf(address(from)),
    destination: spanOf(address(to)),
    protocol: 6,
    port: exactly(port),
  });
  const walk = (through: Listing) => walkPacket(through, surroundings, asked);
  const answer = walk(listing);
  return { answer, outranked: neverReached(listing, answer, walk) };
}

const decided = ({ by }: Outcome) => (by.kind === 'rule' ? `${by.at.chain.name} ${by.at.rule.place.number}` : by.kind);

test('the last listing: the filter is never reached from the network that was made anew', () => {
  const { answer, outranked } = walked('article-outranked.txt', '172.20.0.5', 'br-c4d330f8b3c3', '192.168.5.5');
  const [first] = answer.outcomes;
  expect(first?.verdict).toBe('accepted');
  expect(first?.by.kind === 'rule' && first.by.at.rule.text).toBe(
    'ACCEPT all -- br-c4d330f8b3c3 !br-c4d330f8b3c3 0.0.0.0/0 0.0.0.0/0',
  );
  expect(first?.assumptions.map(({ text }) => text)).toEqual([
    'chain DOCKER-USER, which is not shown, lets the packet go on',
    'chain DOCKER-ISOLATION, which is not shown, lets the packet go on',
  ]);
  expect(outranked?.chain).toBe('DOCKER-OUTBOUND-FILTER');
  expect(outranked?.call.rule.place).toMatchObject({ number: 7 });
  expect(outranked?.by.rule.place).toMatchObject({ number: 5 });
});

test('from the network that it was made for, the same listing sends packets into the filter', () => {
  const { answer, outranked } = walked('article-outranked.txt', '172.20.0.5', 'br-ccaef8da7d18', '192.168.5.5');
  expect(answer.outcomes.flatMap(({ assumptions }) => assumptions.map(({ text }) => text))).toContain(
    'chain DOCKER-OUTBOUND-FILTER, which is not shown, stops it',
  );
  expect(outranked).toBeNull();
});

test.each([
  ['192.168.5.5', 22, 'dropped', 'DOCKER-OUTBOUND-FILTER 4'],
  ['192.168.100.1', 3128, 'accepted', 'DOCKER-OUTBOUND-FILTER 2'],
  ['45.90.10.10', 443, 'accepted', 'FORWARD 10'],
] as const)('with the filter first, a packet to %s port %i is %s by %s', (to, port, verdict, by) => {
  const { answer } = walked('article-two-projects.txt', '172.20.0.5', 'br-ccaef8da7d18', to, port);
  const [first] = answer.outcomes;
  expect({ verdict: answer.verdict, by: first && decided(first) }).toEqual({ verdict, by });
});
