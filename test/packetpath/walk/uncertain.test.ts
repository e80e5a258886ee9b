import { describe, expect, test } from 'vitest';
import { readListing } from '../../../src/packetpath/read/read.ts';
import { firstPacket } from '../../../src/packetpath/walk/ask.ts';
import { surroundingsOfListing } from '../../../src/packetpath/walk/derive.ts';
import { exactly, type Span, spanOf } from '../../../src/packetpath/walk/packet.ts';
import { walkPacket } from '../../../src/packetpath/walk/walk.ts';
import { through } from './through.ts';
import { address } from './words.ts';

/** A packet from 172.18.0.2 on br-000000000001 to 192.168.5.5:22 through rules of `filter`. */
function walked(rules: readonly string[], source: Span = spanOf(address('172.18.0.2')), sets: readonly string[] = []) {
  const listing = readListing(['*filter', ...chains, ...rules, 'COMMIT', ...sets, ''].join('\n'));
  expect(listing.unread).toEqual([]);
  return through(listing, source);
}

const chains = [':FORWARD DROP [0:0]', ':A - [0:0]', ':B - [0:0]'];

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

describe('a mark that a set gives', () => {
  const rules = [
    '-A FORWARD -j SET --map-set to src,src --map-mark',
    '-A FORWARD -m mark --mark 0x10000/0xf0000 -j A',
    '-A FORWARD -m mark --mark 0x20000/0xf0000 -j B',
    '-A FORWARD -j REJECT',
    '-A A -j ACCEPT',
    '-A B -j DROP',
  ];
  const sets = (...elements: readonly string[]): readonly string[] => [
    'create to hash:net,iface family inet skbinfo',
    ...elements.map((element) => `add to ${element}`),
  ];

  test.each([
    ['172.18.0.2,br-000000000001 skbmark 0x10000/0xfff0000', 'accepted by A 1'],
    ['172.18.0.2,br-000000000001 skbmark 0x20000/0xfff0000', 'dropped by B 1'],
    ['172.18.0.3,br-000000000001 skbmark 0x10000/0xfff0000', 'rejected by FORWARD 4'],
    ['172.18.0.2,br-000000000002 skbmark 0x10000/0xfff0000', 'rejected by FORWARD 4'],
    ['172.18.0.2,br-000000000001', 'rejected by FORWARD 4'],
  ])('%s: %s', (element, expected) => {
    expect(told(walked(rules, undefined, sets(element)))).toEqual([expected]);
  });

  test('clears the bits of its mask and turns those of its value', () => {
    const before = '-A FORWARD -j MARK --set-xmark 0x30000/0xffffffff';
    const element = '172.18.0.2,br-000000000001 skbmark 0x10000/0x0';
    expect(told(walked([before, ...rules], undefined, sets(element)))).toEqual(['dropped by B 1']);
  });

  test('is that of the most exact element, and of none where that is an exception', () => {
    const wide = '172.18.0.0/16,br-000000000001 skbmark 0x10000/0xfff0000';
    const exact = '172.18.0.2,br-000000000001 skbmark 0x20000/0xfff0000';
    expect(told(walked(rules, undefined, sets(wide, exact)))).toEqual(['dropped by B 1']);
    expect(told(walked(rules, undefined, sets(wide)))).toEqual(['accepted by A 1']);
    const except = '172.18.0.0/24,br-000000000001 nomatch';
    expect(told(walked(rules, undefined, sets(wide, except)))).toEqual(['rejected by FORWARD 4']);
  });

  test('hangs on the element where it is not known which one has the packet', () => {
    const somewhere = { low: address('172.18.0.0').value, high: address('172.18.0.255').value };
    const answer = walked(rules, somewhere, sets('172.18.0.2,br-000000000001 skbmark 0x10000/0xfff0000'));
    expect(told(answer)).toEqual([
      'rejected by FORWARD 4: not: the packet is of 172.18.0.2 . br-000000000001 in set to',
      'accepted by A 1: the packet is of 172.18.0.2 . br-000000000001 in set to',
    ]);
  });

  test('hangs on the set where the listing does not show it', () => {
    const answer = walked(rules);
    expect(answer.verdict).toBe('depends');
    expect(told(answer)).toEqual([
      'accepted by A 1: set to has a mark for the packet; mark & 0xf0000 is 65536',
      'dropped by B 1: set to has a mark for the packet; not: mark & 0xf0000 is 65536; mark & 0xf0000 is 131072',
      'rejected by FORWARD 4 …',
    ]);
  });

  test("and so where nft's listing hides which set it is", () => {
    const table = `table ip mangle {
      chain FORWARD {
        type filter hook forward priority mangle; policy accept;
        xt target "SET"
        meta mark & 0x000f0000 == 0x00010000 drop
      }
    }
    `;
    const listing = readListing(table);
    const surroundings = surroundingsOfListing(listing);
    const asked = firstPacket({
      from: { in: { kind: 'name', name: 'br-000000000001' }, port: null },
      family: 4,
      source: spanOf(address('172.18.0.2')),
      destination: spanOf(address('192.168.5.5')),
      protocol: 6,
      port: exactly(22n),
    });
    expect(told(walkPacket(listing, surroundings, asked))).toEqual([
      'dropped by FORWARD 2: the set that it asks has a mark for the packet; mark & 0xf0000 is 65536',
      'accepted by policy …',
    ]);
  });
});

test.each([
  ['-A FORWARD -d 192.168.0.0/16 -j DROP -m comment --comment "Drop packets', 'a quotation mark is not closed'],
  ['[1:x] -A FORWARD -d 192.168.0.0/16 -j DROP', 'its counters are no numbers'],
])('a rule that cannot be read stays where it is, and what is decided behind it depends on it: %s', (line, why) => {
  const listing = readListing(['*filter', ...chains, line, '-A FORWARD -j ACCEPT', 'COMMIT', ''].join('\n'));
  expect(listing.unread).toEqual([{ line: 5, text: line, why }]);
  const answer = through(listing);
  expect(answer.verdict).toBe('depends');
  expect(told(answer)).toEqual([
    'accepted by FORWARD 2: target of a line that cannot be read lets the packet go on',
    'accepted by FORWARD 1: target of a line that cannot be read accepts it',
    'dropped by FORWARD 1: target of a line that cannot be read stops it',
  ]);
});

test('of a table that breaks off the last chain, and those that would have come, may have more rules', () => {
  const begun = ['*filter', ':FORWARD ACCEPT [0:0]', ':A - [0:0]', ':B - [0:0]'];
  const cut = (...rules: readonly string[]) => through(readListing([...begun, ...rules, ''].join('\n'))).verdict;
  expect(cut()).toBe('depends');
  expect(cut('-A FORWARD -s 10.0.0.0/8 -j DROP')).toBe('depends');
  expect(cut('-A FORWARD -j A', '-A A -j RETURN', '-A B -j RETURN')).toBe('accepted');
  expect(cut('-A FORWARD -j B', '-A A -j RETURN')).toBe('depends');
  expect(cut('-A FORWARD -j ACCEPT')).toBe('accepted');
});

test('a packet without conversation was not translated: what asks for that, negated, takes it', () => {
  const verdict = (condition: string) => {
    const raw = ['*raw', ':PREROUTING ACCEPT [0:0]', '-A PREROUTING -j NOTRACK', 'COMMIT'];
    const rules = [`-A FORWARD -m conntrack ${condition} -j DROP`, '-A FORWARD -j ACCEPT'];
    return through(readListing([...raw, '*filter', ...chains, ...rules, 'COMMIT', ''].join('\n'))).verdict;
  };
  expect(verdict('! --ctstate DNAT')).toBe('dropped');
  expect(verdict('! --ctstate DNAT,SNAT')).toBe('dropped');
  expect(verdict('--ctstate DNAT')).toBe('accepted');
  expect(verdict('! --ctstatus ASSURED')).toBe('accepted'); // of a packet without one, conntrack is asked its state alone
});
