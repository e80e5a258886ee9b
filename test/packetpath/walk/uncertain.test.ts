import { expect, test } from 'vitest';
import { readListing } from '../../../src/packetpath/read/read.ts';
import { firstPacket } from '../../../src/packetpath/walk/ask.ts';
import { surroundingsOfListing } from '../../../src/packetpath/walk/derive.ts';
import { exactly, type Span, spanOf } from '../../../src/packetpath/walk/packet.ts';
import { walkPacket } from '../../../src/packetpath/walk/walk.ts';
import { address } from './words.ts';

/** A packet from 172.18.0.2 on br-000000000001 to 192.168.5.5:22 through rules of `filter`. */
function walked(rules: readonly string[], source: Span = spanOf(address('172.18.0.2'))) {
  const chains = [':FORWARD DROP [0:0]', ':A - [0:0]', ':B - [0:0]'];
  const listing = readListing(['*filter', ...chains, ...rules, 'COMMIT', ''].join('\n'));
  expect(listing.unread).toEqual([]);
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

const limit = '-m limit --limit 5/min';
const told = (answer: ReturnType<typeof walked>) =>
  answer.outcomes.map(({ verdict, by, assumptions, loose }) => {
    const rule = by.kind === 'rule' ? `${by.at.chain.name} ${by.at.rule.place.number}` : by.kind;
    return `${verdict} by ${rule}${assumptions.length === 0 ? '' : `: ${assumptions.map(({ text }) => text).join('; ')}`}${loose ? ' …' : ''}`;
  });

test('a condition that cannot be judged is tried both ways', () => {
  const answer = walked([`-A FORWARD ${limit} -j DROP`, '-A FORWARD -j ACCEPT']);
  expect(answer.verdict).toBe('depends');
  expect(told(answer)).toEqual([
    'accepted by FORWARD 2: not: -m limit --limit 5/min',
    'dropped by FORWARD 1: -m limit --limit 5/min',
  ]);
});

test('where both ways end alike, it does not matter', () => {
  expect(walked([`-A FORWARD ${limit} -j ACCEPT`, '-A FORWARD -j ACCEPT']).verdict).toBe('accepted');
  expect(walked([`-A FORWARD ${limit} -j LOG`, '-A FORWARD -j ACCEPT'])).toMatchObject({
    verdict: 'accepted',
    outcomes: [{ assumptions: [], loose: false }],
  });
});

test('the same question is not answered twice', () => {
  const somewhere = { low: address('172.18.0.0').value, high: address('172.18.0.255').value };
  const rules = [
    '-A FORWARD -s 172.18.0.2 -j A',
    '-A A -s 172.18.0.2 -j ACCEPT',
    '-A A -j DROP',
    '-A FORWARD ! -s 172.18.0.2 -j REJECT',
  ];
  expect(told(walked(rules, somewhere))).toEqual([
    'rejected by FORWARD 2: not: saddr is 172.18.0.2',
    'accepted by A 1: saddr is 172.18.0.2',
  ]);
});

test('very many such rules are followed together, and differing marks beyond all bounds are given up', () => {
  const many = Array.from({ length: 2000 }, () => `-A FORWARD ${limit} -j A`);
  expect(walked([...many, '-A A -j RETURN', '-A FORWARD -j ACCEPT']).verdict).toBe('accepted');
  const marks = Array.from(
    { length: 20 },
    (_, bit) => `-A FORWARD ${limit} -j MARK --set-xmark ${2 ** bit}/${2 ** bit}`,
  );
  const answer = walked([...marks, '-A FORWARD -j ACCEPT']);
  expect(answer.verdict).toBe('depends');
  expect(answer.outcomes.map(({ verdict }) => verdict)).toContain('unknown');
});

test('chains that lead into themselves end, and say so', () => {
  const answer = walked(['-A FORWARD -j A', '-A A -j B', '-A B -j A']);
  expect(answer.verdict).toBe('depends');
  expect(told(answer).join('\n')).toContain('chain A, which leads into itself');
});
