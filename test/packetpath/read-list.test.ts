import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Listing } from '../../src/packetpath/model.ts';
import { readListing } from '../../src/packetpath/read/read.ts';
import { short } from './short.ts';

const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');

const chainOf = (listing: Listing, name: string) =>
  listing.tables[0]?.chains.find((chain) => chain.name === name)?.rules.map(short) ?? [];

describe("the article's listings", () => {
  test.each([
    ['article-engine-started.txt', false, 8],
    ['article-compose-up.txt', false, 15],
    ['article-two-projects.txt', false, 29],
    ['article-outranked.txt', true, 15],
  ])('%s is read whole, with nothing unknown', (name, partial, count) => {
    const listing = readListing(fixture(name));
    expect(listing.unread).toEqual([]);
    expect(listing.tables).toHaveLength(1);
    expect(listing.tables[0]).toMatchObject({ family: 'ip', name: 'filter', partial });
    const rules = listing.tables[0]?.chains.flatMap((chain) => chain.rules) ?? [];
    expect(rules).toHaveLength(count);
    expect(rules.map(short).filter((text) => /unknown|depends/i.test(text))).toEqual([]);
    expect(rules.flatMap(({ lost }) => lost)).toEqual([]);
  });

  test("its stars are notes of the author's and no conditions", () => {
    const listing = readListing(fixture('article-compose-up.txt'));
    expect(chainOf(listing, 'FORWARD').slice(2, 6)).toEqual([
      'oifname br-388e266f9993 | ct state any of related,established | ACCEPT',
      'oifname br-388e266f9993 | JUMP DOCKER',
      'iifname br-388e266f9993 | oifname != br-388e266f9993 | ACCEPT',
      'iifname br-388e266f9993 | oifname br-388e266f9993 | ACCEPT',
    ]);
    const rule = listing.tables[0]?.chains[1]?.rules[2];
    expect(rule?.text).toContain('(★1)');
    expect(rule?.counted).toEqual({ packets: 1278, bytes: 1_078_000 });
    expect(listing.tables[0]?.chains[1]?.base?.policy).toBe('drop');
  });

  test('lines that the page wrapped in the middle of a word are one rule', () => {
    const filter = readListing(fixture('article-two-projects.txt')).tables[0]?.chains.find(
      ({ name }) => name === 'DOCKER-OUTBOUND-FILTER',
    );
    expect(filter?.rules.map((rule) => [rule.place.line, short(rule), rule.comment])).toEqual([
      [
        44,
        'saddr 0xac140000-0xac14ffff | daddr 0xac140000-0xac14ffff | ACCEPT',
        'Accept packets between Docker containers',
      ],
      [
        46,
        'saddr 0xac140000-0xac14ffff | daddr 0xc0a86401 | ACCEPT',
        'Accept packets between Docker containers and HTTP Proxy Server',
      ],
      [
        48,
        'saddr 0xac140000-0xac14ffff | daddr 0xc0a86402 | l4proto 17 | 17 dport 53 | ACCEPT',
        'Accept packets between Docker containers and DNS Server',
      ],
      [
        50,
        'saddr 0xac140000-0xac14ffff | daddr 0xc0a80000-0xc0a8ffff | DROP',
        'Drop packets from Docker containers to Private Network Address',
      ],
      [52, 'RETURN', null],
    ]);
  });
});

const verbose = ' pkts bytes target     prot opt in     out     source               destination\n';
const chain = `Chain FORWARD (policy ACCEPT 0 packets, 0 bytes)\n${verbose}`;
const first = (text: string): string => chainOf(readListing(text), 'FORWARD').join(' ; ');

describe('a rule of iptables -nvL', () => {
  test.each([
    ['tcp dpt:80', 'l4proto 6 | 6 dport 80'],
    ['tcp spts:!1000:2000 dpts:0:99', 'l4proto 6 | 6 sport != 1000-2000 | 6 dport 0-99'],
    ['tcp flags:!0x17/0x02', 'l4proto 6 | 6 tcp flags&17 != 2'],
    ['multiport dports  !80,443', 'l4proto 6 | 6 dport != {80, 443}'],
    ['! ctstate INVALID', 'l4proto 6 | ct state none of invalid'],
    [
      'ctorigdst 10.0.0.1 ! ctorigdstport 80 ctdir ORIGINAL',
      'l4proto 6 | ct original daddr 0xa000001 | ct original dport != 80 | ct direction original',
    ],
    ['mark match ! 0x1/0x3', 'l4proto 6 | mark&3 != 1'],
    ['connmark match  0x10', 'l4proto 6 | ct mark 16'],
    ['ADDRTYPE match dst-type !LOCAL', 'l4proto 6 | daddr type != local'],
    ['! match-set web dst', 'l4proto 6 | other != @web'],
    ['PHYSDEV match --physdev-in veth+ ! --physdev-is-bridged', 'l4proto 6 | physin veth* | physout ""'],
    ['MAC 02:42:AC:11:00:02', 'l4proto 6 | ether saddr 0x242ac110002'],
    ['source IP range 10.0.0.1-10.0.0.9', 'l4proto 6 | saddr 0xa000001-0xa000009'],
    ['owner UID match 1000', 'l4proto 6 | skuid 1000'],
    ['TTL match TTL < 5', 'l4proto 6 | ttl 0-4'],
    ['match bpf 48 0 0 0,84 0 0 15,21 1 0 5,6 0 0 65535,6 0 0 0 ', 'l4proto 6 | header length != 5'],
    ['match bpf 6 0 0 65535 ', 'l4proto 6 | unknown -m bpf --bytecode "1,6 0 0 65535"'],
    ['rt', 'l4proto 6 | exthdr {}'],
    ['limit: avg 10/min burst 3 /* so */', 'l4proto 6 | depends on limit: avg 10/min burst 3'],
    ['recent: SET name: x side: source mask: 255.255.255.255', 'l4proto 6'],
    ['of nobody at all tcp dpt:80', 'l4proto 6 | unknown of nobody at all | 6 dport 80'],
  ])('%s', (extras, expected) => {
    expect(
      first(
        `${chain}    1    60 DROP       tcp  --  *      *       0.0.0.0/0            0.0.0.0/0            ${extras}\n`,
      ),
    ).toBe(`${expected} | DROP`);
  });

  test.each([
    ['    0     0 B          all  --  *      *       0.0.0.0/0            0.0.0.0/0           [goto]', 'GOTO B'],
    [
      '    0     0            all  --  br1    !br2    10.0.0.1            !10.0.0.0/8',
      'saddr 0xa000001 | daddr != 0xa000000-0xaffffff | iifname br1 | oifname != br2',
    ],
    ['    0     0 ACCEPT    !200  --  *      *       0.0.0.0/0            0.0.0.0/0', 'l4proto != 200 | ACCEPT'],
    ['    0     0 ACCEPT     all  !f  *      *       0.0.0.0/0            0.0.0.0/0', 'unknown ! -f | ACCEPT'],
    ['    0     0 ACCEPT     0    --  *      *       0.0.0.0/0            0.0.0.0/0', 'ACCEPT'],
    [
      '    0     0 MARK       all  --  *      *       0.0.0.0/0            0.0.0.0/0            MARK xset 0x1/0xff',
      'set-mark {"of":"packet","value":1,"mask":255}',
    ],
    [
      '    0     0 REJECT     tcp  --  *      *       0.0.0.0/0            0.0.0.0/0            tcp dpt:113 reject-with tcp-reset',
      'l4proto 6 | 6 dport 113 | REJECT tcp reset',
    ],
    [
      '    0     0 LOG        all  --  *      *       0.0.0.0/0            0.0.0.0/0            LOG flags 0 level 4 prefix "tcp dpt:80 "',
      'log',
    ],
  ])('%s', (line, expected) => {
    expect(first(`${chain}${line}\n`)).toBe(expected);
  });

  test('of IPv6, also with the empty column of older ones', () => {
    const listing = readListing(
      `${chain}    0     0 ACCEPT     tcp      a      *       fd00::/8             ::/0                 tcp dpt:80\n    0     0            all      *      !b      ::/0                 ::/0\n`,
    );
    expect(listing.tables[0]?.family).toBe('ip6');
    expect(chainOf(listing, 'FORWARD')).toEqual([
      'saddr 0xfd000000000000000000000000000000-0xfdffffffffffffffffffffffffffffff | iifname a | l4proto 6 | 6 dport 80 | ACCEPT',
      'oifname != b',
    ]);
  });
});

test('without -v a listing has no interfaces, and each rule says so', () => {
  const listing = readListing(
    'Chain FORWARD (policy DROP)\nnum  target     prot opt source               destination         \n1    ACCEPT     all  --  anywhere             10.0.0.0/8           ctstate RELATED,ESTABLISHED\n2    DROP       tcp  --  some.host.name       anywhere             tcp dpt:http\n',
  );
  const rules = listing.tables[0]?.chains[0]?.rules ?? [];
  expect(rules.map(short)).toEqual([
    'daddr 0xa000000-0xaffffff | ct state any of related,established | ACCEPT',
    'unknown -s some.host.name | l4proto 6 | 6 dport 80 | DROP',
  ]);
  expect(rules.map(({ lost, counted }) => [lost, counted])).toEqual([
    [['interfaces'], null],
    [['interfaces'], null],
  ]);
});

test('listings of several tables and chains, one after the other, are told apart by their chains', () => {
  const listed = (...names: readonly string[]) => names.map((name) => `Chain ${name}\n${verbose}\n`).join('');
  const builtIn = (...names: readonly string[]) => listed(...names.map((name) => `${name} (policy ACCEPT)`));
  const tablesOf = (text: string) => {
    const listing = readListing(text);
    expect(listing.unread).toEqual([]);
    return listing.tables.map(({ name, chains }) => `${name}: ${chains.map((one) => one.name).join(' ')}`);
  };
  const filter = builtIn('INPUT', 'FORWARD', 'OUTPUT') + listed('DOCKER (2 references)');
  const nat = builtIn('PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING');
  expect(tablesOf(filter + nat)).toEqual([
    'filter: INPUT FORWARD OUTPUT DOCKER',
    'nat: PREROUTING INPUT OUTPUT POSTROUTING',
  ]);
  expect(tablesOf(nat + filter + builtIn('PREROUTING', 'OUTPUT'))).toEqual([
    'nat: PREROUTING INPUT OUTPUT POSTROUTING',
    'filter: INPUT FORWARD OUTPUT DOCKER',
    'raw: PREROUTING OUTPUT',
  ]);
  expect(tablesOf(builtIn('PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'))).toEqual([
    'mangle: PREROUTING INPUT FORWARD OUTPUT POSTROUTING',
  ]);
  expect(tablesOf(builtIn('FORWARD') + listed('DOCKER (0 references)') + builtIn('INPUT'))).toEqual([
    'filter: FORWARD DOCKER INPUT',
  ]);
});

test('of a table that is listed a second time every rule is unread, with what of it went over to the next line', () => {
  const listing = readListing(
    `*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n${chain}    0     0 ACCEPT     all  --  *      *       0.0.0.0/0            0.0.0.0/0            /* and\n more */\n`,
  );
  expect(listing.unread.map(({ why }) => why)).toEqual(Array(2).fill('the table filter is listed a second time'));
  expect(listing.unread[1]?.text).toContain('/* and more */');
});

test('a short line that is no rule is unread and not taken for the rest of one', () => {
  const listing = readListing(
    `${chain}    0     0 ACCEPT     all  --  *      *       0.0.0.0/0            0.0.0.0/0\nthat was it\n`,
  );
  expect(chainOf(listing, 'FORWARD')).toEqual(['ACCEPT']);
  expect(listing.unread.map(({ line, why }) => [line, why])).toEqual([[4, 'not a rule of iptables -L']]);
});
