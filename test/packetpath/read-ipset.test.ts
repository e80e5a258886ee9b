import { expect, test } from 'vitest';
import { readListing } from '../../src/packetpath/read/read.ts';
import { short, tuple } from './short.ts';

const rules = (...lines: readonly string[]): string =>
  `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${lines.map((line) => `-A FORWARD ${line}\n`).join('')}COMMIT\n`;

const save = `create bridges hash:net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0xed1d806e
add bridges 172.18.0.0/16
add bridges 172.18.5.0/24 nomatch
create web hash:ip,port family inet hashsize 1024 maxelem 65536 timeout 100 comment
add web 1.2.3.4,tcp:80 timeout 99 comment "hi there"
create macs hash:mac hashsize 1024 maxelem 65536
add macs 02:42:AC:11:00:02
create six hash:net family inet6 hashsize 1024 maxelem 65536
add six fd00::/8
create ports bitmap:port range 0-1000 counters
add ports 5 packets 0 bytes 0
create by-port hash:net,iface family inet hashsize 1024 maxelem 65536
add by-port 10.0.0.0/8,physdev:veth0
create all list:set size 8
add all bridges2
create bridges2 hash:net family inet
add bridges2 10.0.0.0/8
`;

test('rules that ask an ipset compare the fields that its type and the directions say', () => {
  const listing = readListing(
    rules(
      '-m set --match-set bridges dst -j ACCEPT',
      '-m set ! --match-set web src,dst -j DROP',
      '-m set --match-set macs src -j DROP',
      '-m set --match-set by-port dst,dst -j DROP',
      '-m set --match-set all src -j DROP',
      '-m set --match-set web src,dst --return-nomatch -j DROP',
      '-m set --match-set gone src -j DROP',
      '-j SET --add-set macs src',
    ) + save,
  );
  expect(listing.unread.map(({ line, why }) => [line, why])).toEqual([[26, 'an element that is not understood']]);
  const [table] = listing.tables;
  expect(table?.chains[1]?.rules.map(short).slice(0, 7)).toEqual([
    'daddr @bridges | ACCEPT',
    'saddr . l4proto . dport != @web | DROP',
    'ether saddr @macs | DROP',
    'daddr . oifname @by-port | DROP',
    'saddr @all | DROP',
    'unknown -m set --match-set web src,dst --return-nomatch | DROP',
    'other @gone | DROP',
  ]);
  expect(
    table?.sets.map((set) => [
      set.name,
      set.fields.join(' . '),
      set.entries.map(({ key, except }) => `${tuple(key)}${except ? ' except' : ''}`),
      set.uncertain,
    ]),
  ).toEqual([
    ['bridges', 'saddr', ['0xac120000-0xac12ffff', '0xac120500-0xac1205ff except'], false],
    ['web', 'saddr . l4proto . sport', ['0x1020304 . 6 . 80'], true], // it has a timeout
    ['macs', 'ether saddr', ['0x242ac110002'], true], // packets are added to it
    ['ports', 'l4proto . sport', ['0-255 . 5'], false],
    ['by-port', 'saddr . iifname', [], true],
    ['all', 'saddr', ['0xa000000-0xaffffff'], false],
    ['bridges2', 'saddr', ['0xa000000-0xaffffff'], false],
    ['gone', 'other', [], true],
  ]);
});

test('ipset list says the same as ipset save', () => {
  const list = `Name: bridges
Type: hash:net
Revision: 7
Header: family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0xf917fbe3
Size in memory: 552
References: 0
Number of entries: 2
Members:
172.18.0.0/16
172.18.5.0/24 nomatch

Name: web
Type: hash:ip,port
Revision: 7
Header: family inet hashsize 1024 maxelem 65536
Size in memory: 321
References: 0
Number of entries: 1
Members:
1.2.3.4,tcp:80
`;
  const saved =
    'create bridges hash:net family inet\nadd bridges 172.18.0.0/16\nadd bridges 172.18.5.0/24 nomatch\ncreate web hash:ip,port family inet\nadd web 1.2.3.4,tcp:80\n';
  const text = rules('-m set --match-set bridges dst -j ACCEPT');
  const [a, b] = [readListing(text + list), readListing(text + saved)];
  expect(a.unread).toEqual([]);
  expect(a.tables[0]?.sets).toEqual(b.tables[0]?.sets);
  expect(a.tables[0]?.sets).toHaveLength(2);
});

/** The entries of the first set, and the lines that are unread. */
function read(text: string): readonly [readonly string[] | undefined, boolean | undefined, readonly number[]] {
  const { tables, unread } = readListing(rules('-m set --match-set s src -j DROP') + text);
  const set = tables[0]?.sets[0];
  return [set?.entries.map(({ key }) => tuple(key)), set?.uncertain, unread.map(({ line }) => line - 6)];
}

test.each([
  ['172.18.0.0/16 n', 'hash:net'],
  ['172.18.0.0/16 timeout', 'hash:net'],
  ['172.18.0.0/16 timeout 5 seconds', 'hash:net'],
  ['172.18.0.0/16 comment open', 'hash:net'],
  ['6 pac', 'bitmap:port'],
  ['6 packets many', 'bitmap:port'],
  ['10.0.0.0/8,', 'hash:net,iface'],
  ['10.0.0.0/8, eth0', 'hash:net,iface'],
  ['10.0.0.0/8', 'strange:net'],
])('the element "%s" of a %s is unread, and what the set holds is not certain', (element, type) => {
  expect(read(`create s ${type} family inet\nadd s ${element}\n`)).toEqual([[], true, [2]]);
  expect(read(`Name: s\nType: ${type}\nHeader: family inet\nMembers:\n${element}\n`)).toEqual([[], true, [5]]);
});

test('of what stands behind an element nothing is lost', () => {
  const extras = 'timeout 0 packets 1 bytes 2 skbmark 0x1/0xf skbprio 1:ffff skbqueue 3 comment "a b"';
  expect(read(`create s hash:net family inet\nadd s 10.0.0.0/8 ${extras}\n`)).toEqual([
    ['0xa000000-0xaffffff'],
    true,
    [],
  ]);
  expect(read('create s hash:net,iface family inet\nadd s 10.0.0.0/8,br wildcard\n')).toEqual([
    ['0xa000000-0xaffffff . br*'],
    false,
    [],
  ]);
});

test('a member of a list that is no set of the listing is unread, wherever it stands', () => {
  const list = 'create s list:set size 8\nadd s a\nadd s b\n';
  const a = 'create a hash:net family inet\nadd a 10.0.0.0/8\n';
  expect(read(`${list}${a}`)).toEqual([[], true, [3]]);
  expect(read(`${list}${a}${a.replaceAll(' a ', ' b ')}`)).toEqual([
    ['0xa000000-0xaffffff', '0xa000000-0xaffffff'],
    false,
    [],
  ]);
});

test('a set that is listed a second time is unread there, and what it holds is not certain', () => {
  const [save, list] = [
    'create s hash:net family inet\nadd s 10.0.0.0/8\n',
    'Name: s\nType: hash:net\nHeader: family inet\n',
  ];
  expect(read(save + save)).toEqual([['0xa000000-0xaffffff', '0xa000000-0xaffffff'], true, [3]]);
  expect(read(save + list)).toEqual([['0xa000000-0xaffffff'], true, [5]]);
  expect(read(`${save}*nat\nCOMMIT\n${save}`)).toEqual([['0xa000000-0xaffffff', '0xa000000-0xaffffff'], true, [5]]);
});

test('marks that elements carry are given to packets by the rules that ask for them, and feed no set', () => {
  const marked = `create to hash:net,iface family inet hashsize 64 maxelem 65536 skbinfo
add to 10.0.0.1,br0 skbmark 0x20000/0xfff0000
add to 10.0.0.2,br0 skbmark 0x30000
add to 10.0.0.0/24,br0
add to 10.0.0.3,br0 skbmark odd
`;
  const listing = readListing(
    rules(
      '-j SET --map-set to src,src --map-mark',
      '-j SET --map-set to src,src --map-prio',
      '-j SET --map-set gone src --map-mark',
      '-j SET --map-set to src,src --map-mark --map-other',
    ) + marked,
  );
  expect(listing.unread.map(({ text, why }) => [text, why])).toEqual([
    ['add to 10.0.0.3,br0 skbmark odd', 'an element that is not understood'],
  ]);
  const [table] = listing.tables;
  expect(table?.chains[1]?.rules.map(short)).toEqual([
    'map-mark {"fields":[{"field":"saddr"},{"field":"iifname"}],"set":"to"}',
    'other {"text":"-j SET --map-set to src,src --map-prio","certain":true}',
    'map-mark {"fields":[{"field":"other"}],"set":"gone"}',
    'other {"text":"-j SET --map-set to src,src --map-mark --map-other","certain":false}',
  ]);
  expect(table?.sets[0]?.entries.map(({ mark }) => mark)).toEqual([
    { value: 0x20000n, mask: 0xfff0000n },
    { value: 0x30000n, mask: 0xffffffffn },
    undefined,
  ]);
});

test('iptables -L says of it the same', () => {
  const list = `Chain FORWARD (policy ACCEPT 0 packets, 0 bytes)
 pkts bytes target     prot opt in     out     source               destination
    0     0 SET        all  --  *      *       0.0.0.0/0            0.0.0.0/0            map-set to src,src map-mark

`;
  const listing = readListing(`${list}create to hash:net family inet skbinfo\nadd to 10.0.0.1 skbmark 0x1\n`);
  const [rule] = listing.tables[0]?.chains[0]?.rules ?? [];
  expect(rule && short(rule)).toBe('map-mark {"fields":[{"field":"saddr"}],"set":"to"}');
  expect(listing.tables[0]?.sets[0]?.uncertain).toBe(false);
});
