import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Listing, TableFamily } from '../../src/packetpath/model.ts';
import { readListing } from '../../src/packetpath/read/read.ts';
import { short, tuple } from './short.ts';

const fixture = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');

const chainOf = (listing: Listing, name: string): readonly string[] =>
  listing.tables[0]?.chains.find((chain) => chain.name === name)?.rules.map(short) ?? [];

function rule(text: string, family: TableFamily = 'inet'): string {
  const listing = readListing(`table ${family} t {\n\tchain c {\n\t\t${text}\n\t}\n}\n`);
  expect(listing.unread).toEqual([]);
  return chainOf(listing, 'c').join(' ; ');
}

describe('a rule of nft list ruleset', () => {
  test.each([
    ['iifname "eth0" oifname != "br-*" accept', 'iifname eth0 | oifname != br-* | ACCEPT'],
    ['iifname { "a", "b*" } drop', 'iifname {a, b*} | DROP'],
    ['iifname . oifname { "a" . "b", "c" . "d" } accept', 'iifname . oifname {a . b, c . d} | ACCEPT'],
    [
      'ip saddr 10.0.0.0/8 ip6 daddr != fd00::1',
      'v4 saddr 0xa000000-0xaffffff | v6 daddr != 0xfd000000000000000000000000000001',
    ],
    ['ip saddr { 10.0.0.1, 10.0.0.5-10.0.0.9 } accept', 'v4 saddr {0xa000001, 0xa000005-0xa000009} | ACCEPT'],
    ['ip saddr & 255.0.255.0 == 10.0.0.0 drop', 'v4 saddr&ff00ff00 0xa000000 | DROP'],
    ['ip saddr . tcp dport @s accept', 'v4 saddr . 6 dport @s | ACCEPT'],
    ['ip saddr != @s drop', 'v4 saddr != @s | DROP'],
    ['tcp dport { 80, 443, 1000-2000 } accept', '6 dport {80, 443, 1000-2000} | ACCEPT'],
    ['tcp dport >= 1024 udp sport < 1024', '6 dport 1024-65535 | 17 sport 0-1023'],
    ['meta l4proto { tcp, udp } th dport 53 accept', 'l4proto {6, 17} | dport 53 | ACCEPT'],
    ['ip protocol icmp icmp type echo-request accept', 'v4 l4proto 1 | 1 icmp type 8 | ACCEPT'],
    ['icmpv6 type { nd-neighbor-solicit, nd-router-advert } accept', '58 icmp type {135, 134} | ACCEPT'],
    ['ip hdrlength != 5 drop', 'v4 header length != 5 | DROP'],
    ['igmp type membership-query drop', '2 igmp type 17 | DROP'],
    ['igmp type { membership-report-v2, 0x30 } drop', '2 igmp type {22, 48} | DROP'],
    ['ether type 8021ad drop', 'ether type 34984 | DROP'],
    ['vlan id 0 drop', 'vlan id 0 | DROP'],
    ['meta nfproto ipv6 accept', 'nfproto 10 | ACCEPT'],
    ['tcp flags syn', '6 tcp flags&2 != 0'],
    ['tcp flags & (fin | syn | rst | ack) == syn', '6 tcp flags&17 2'],
    ['tcp flags syn / fin,syn,rst,ack', '6 tcp flags&17 2'],
    ['tcp flags != syn / fin,syn,rst,ack drop', '6 tcp flags&17 != 2 | DROP'],
    ['ct state established,related accept', 'ct state any of established,related | ACCEPT'],
    ['ct state { established, related } accept', 'ct state any of established,related | ACCEPT'],
    ['ct state != established drop', 'ct state none of established | DROP'],
    ['ct state ! invalid accept', 'ct state none of invalid | ACCEPT'],
    ['ct state & (established | related) == 0 drop', 'ct state none of established,related | DROP'],
    ['ct state vmap { established : accept, invalid : drop }', 'ct state vmap established:ACCEPT, invalid:DROP'],
    ['ct status dnat accept', 'ct status any of dnat | ACCEPT'],
    ['ct status != dnat accept', 'unknown ct status != dnat | ACCEPT'],
    [
      'ct direction original ct original ip daddr 10.0.0.1 ct original proto-dst 80',
      'ct direction original | v4 ct original daddr 0xa000001 | ct original dport 80',
    ],
    ['meta mark & 0x00000003 != 0x00000001 accept', 'mark&3 != 1 | ACCEPT'],
    ['ct mark 0x00000010', 'ct mark 16'],
    ['meta mark set 0x00000001', 'set-mark {"of":"packet","value":1,"mask":4294967295}'],
    ['meta mark set meta mark | 0x00000010', 'set-mark {"of":"packet","value":16,"mask":16}'],
    ['meta mark set meta mark & 0xffffff00 ^ 0x00000012', 'set-mark {"of":"packet","value":18,"mask":255}'],
    ['ct mark set meta mark', 'copy-mark {"from":"packet","mask":4294967295}'],
    ['meta mark set ct mark & 0x000000ff', 'other {"text":"meta mark set ct mark & 0x000000ff","certain":false}'],
    ['fib daddr type local accept', 'daddr type local | ACCEPT'],
    ['fib saddr type != { local, unicast } drop', 'saddr type != {local, unicast} | DROP'],
    ['fib saddr . iif oif missing drop', 'reverse path missing | DROP'],
    ['fib saddr . iif check missing drop', 'reverse path missing | DROP'],
    ['fib saddr . iif oif exists accept', 'reverse path there | ACCEPT'],
    ['fib saddr . mark . iif oif missing drop', 'unknown fib saddr . mark . iif oif missing | DROP'],
    ['ether saddr 02:42:ac:11:00:02 accept', 'ether saddr 0x242ac110002 | ACCEPT'],
    ['meta pkttype { multicast, other } drop', 'pkttype {multicast, other} | DROP'],
    ['meta skuid 1000 meta cgroup 5', 'skuid 1000 | cgroup 5'],
    ['meta time < "2030-01-01 00:00:00" accept', 'depends on meta time < "2030-01-01 00:00:00" | ACCEPT'],
    ['meta hour "08:00"-"18:00" accept', 'depends on meta hour "08:00"-"18:00" | ACCEPT'],
    ['limit rate over 400/minute burst 5 packets drop', 'depends on limit rate over 400/minute burst 5 packets | DROP'],
    [
      'limit rate 1/minute burst 3 packets ct count over 20 accept',
      'depends on limit rate 1/minute burst 3 packets | depends on ct count over 20 | ACCEPT',
    ],
    ['ct count over 20 drop', 'depends on ct count over 20 | DROP'],
    ['numgen random mod 10 < 5 drop', 'depends on numgen random mod 10 < 5 | DROP'],
    [
      'update @s { ip saddr timeout 1h limit rate 10/second } drop',
      'depends on update @s { ip saddr timeout 1h limit rate 10/second } | DROP',
    ],
    ['add @s { ip saddr }', 'other {"text":"add @s { ip saddr }","certain":true}'],
    ['counter name "hits" log prefix "a { b" level warn flags all drop', 'count | log | DROP'],
    ['log prefix "x" group 5 accept', 'log | ACCEPT'],
    ['reject', 'REJECT icmpx port-unreachable'],
    ['meta l4proto tcp reject with tcp reset', 'l4proto 6 | REJECT tcp reset'],
    ['reject with icmpx admin-prohibited', 'REJECT icmpx admin-prohibited'],
    ['queue flags bypass to 1-3', 'QUEUE'],
    ['notrack', 'notrack'],
    ['tcp option maxseg size set rt mtu', 'other {"text":"tcp option maxseg size set rt mtu","certain":true}'],
    ['xt match "set" counter packets 0 bytes 0 accept', 'unknown xt match "set" | count | ACCEPT'],
    ['udp dport 69 xt target "CT"', '17 dport 69 | UNKNOWN xt target "CT"'],
    ['# xt_recent counter packets 0 bytes 0 drop', 'UNKNOWN # xt_recent counter packets 0 bytes 0 drop'],
    ['of nobody at all { 1, 2 } drop', 'unknown of nobody at all { 1, 2 } | DROP'],
    ['synproxy mss 1460', 'UNKNOWN synproxy mss 1460'],
    ['iifname "a" jump other-chain', 'iifname a | JUMP other-chain'],
    ['iifname . ip saddr vmap @m', 'iifname . v4 saddr vmap @m'],
    ['tcp dport vmap { 80 : accept, 81-90 : goto x }', '6 dport vmap 80:ACCEPT, 81-90:GOTO x'],
  ])('%s', (text, expected) => {
    expect(rule(text)).toBe(expected);
  });

  test.each([
    ['dnat ip to 10.0.0.2:8080', 'dnat', '"ports":{"low":8080,"high":8080}'],
    ['dnat ip6 to [fd00::2]:80', 'dnat', '"family":6'],
    ['snat to :53', 'snat', '"address":null,"ports":{"low":53,"high":53}'],
    ['dnat to 10.0.0.2-10.0.0.9 random', 'dnat', '"address":null'],
    [
      'dnat ip to tcp dport map { 80 : 10.0.0.1 }',
      'dnat',
      '"address":null,"ports":null,"text":"dnat ip to tcp dport map { 80 : 10.0.0.1 }"',
    ],
    ['masquerade to :1000-2000 random,persistent', 'masquerade', '{"low":1000,"high":2000}'],
    ['redirect to :8080', 'redirect', '{"low":8080,"high":8080}'],
  ])('%s ends the walk of its chain', (text, kind, part) => {
    const read = rule(text);
    expect(read).toMatch(new RegExp(`^${kind} .* \\| ACCEPT$`));
    expect(read).toContain(part);
  });

  test('in a table of one family asks for that family by standing there', () => {
    expect(rule('ip saddr 10.0.0.1 ip protocol tcp', 'ip')).toBe('saddr 0xa000001 | l4proto 6');
  });
});

test("Docker 29's nftables are read whole, with nothing unknown", () => {
  const listing = readListing(fixture('docker-29-nftables.nft'));
  expect(listing.unread).toEqual([]);
  const [table] = listing.tables;
  expect(table).toMatchObject({ engine: 'nf_tables', family: 'ip', name: 'docker-bridges', partial: false });
  expect(table?.chains.flatMap(({ rules }) => rules.map(short)).filter((text) => /unknown/i.test(text))).toEqual([]);
  expect(
    table?.chains.filter(({ base }) => base !== null).map(({ base }) => [base?.type, base?.hook, base?.priority]),
  ).toEqual([
    ['filter', 'forward', 0],
    ['nat', 'output', -100],
    ['nat', 'postrouting', 100],
    ['nat', 'prerouting', -100],
    ['filter', 'prerouting', -300],
  ]);
  expect(chainOf(listing, 'filter-FORWARD')).toEqual([
    'oifname vmap @filter-forward-in-jumps',
    'iifname vmap @filter-forward-out-jumps',
  ]);
  expect(table?.sets[0]?.entries.map(({ key, verdict }) => [tuple(key), verdict])).toEqual([
    ['br1', { kind: 'jump', chain: 'filter-forward-in__br1' }],
    ['brint', { kind: 'jump', chain: 'filter-forward-in__brint' }],
  ]);
  const dnat = table?.chains.find(({ name }) => name === 'nat-prerouting-and-output')?.rules[0];
  expect(dnat).toMatchObject({
    comment: 'DNAT',
    counted: { packets: 0, bytes: 0 },
    text: 'iifname != "br1" tcp dport 8080 dnat to 192.0.2.2:80',
  });
});

describe('sets and tables', () => {
  test('of every shape', () => {
    const listing = readListing(`table inet t { # handle 7
	set a {
		type ipv4_addr
		flags interval
		elements = { 10.0.0.0/8, 192.168.1.1-192.168.1.9,
			     1.2.3.4 }
	}
	set b {
		type ipv4_addr . inet_service
		flags dynamic,timeout
		timeout 1h
		elements = { 1.2.3.4 . 80 timeout 30m expires 29m59s comment "hello, } world" }
	}
	set c {
		typeof ip saddr . meta l4proto . th dport
		flags interval
		elements = { 10.0.0.0/8 . tcp . 80-90 }
	}
	map d {
		type ifname . ipv4_addr : verdict
		elements = { "eth0" . 10.0.0.1 counter packets 1 bytes 2 : goto c }
	}
	set e {
		type ct_label
		elements = { strange }
	}
	counter hits {
		packets 5 bytes 10
	}
	chain c { # handle 3
		type filter hook ingress device "eth0" priority filter - 10; policy drop;
		update @a { ip saddr } # handle 9
	}
}
table ip off {
	flags dormant

	chain c {
		type filter hook input priority filter; policy drop;
	}
}
`);
    expect(listing.unread).toEqual([]);
    expect(
      listing.tables[0]?.sets.map((set) => [
        set.name,
        set.fields.join(' . '),
        set.entries.map(({ key }) => tuple(key)),
        set.uncertain,
      ]),
    ).toEqual([
      ['a', 'saddr', ['0xa000000-0xaffffff', '0xc0a80101-0xc0a80109', '0x1020304'], true],
      ['b', 'saddr . sport', ['0x1020304 . 80'], true],
      ['c', 'saddr . l4proto . dport', ['0xa000000-0xaffffff . 6 . 80-90'], false],
      ['d', 'iifname . saddr', ['eth0 . 0xa000001'], false],
      ['e', 'other', [], true],
    ]);
    const [chain] = listing.tables[0]?.chains ?? [];
    expect(chain?.base).toEqual({ hook: 'ingress', priority: -10, type: 'filter', policy: 'drop', device: 'eth0' });
    expect(chain?.rules[0]?.place).toEqual({ number: 1, line: 32, handle: 9 });
    expect(listing.tables[1]?.chains[0]?.base).toBeNull(); // the kernel calls no chain of a dormant table
  });

  test('what is none of it is unread, and so is what breaks off', () => {
    const listing = readListing('table inet t {\n\tstrange thing\n\tchain c {\n\t\ttcp dport { 80,\n\t\t\t81');
    expect(listing.unread.map(({ line, why }) => [line, why])).toEqual([
      [2, 'not a part of nft list ruleset'],
      [4, 'the listing breaks off in it'],
      [5, 'the listing breaks off in it'],
    ]);
  });

  test.each([
    'counter packets 0 bytes',
    'counter packets',
    'jump',
    'ip saddr',
    'dnat to',
    'limit rate',
    'meta mark set',
  ])('a rule that breaks off behind "%s" is there', (text) => {
    const listing = readListing(`table ip t {\n\tchain c {\n\t\t${text}\n\t\tdrop\n\t}\n}\n`);
    expect(listing.tables[0]?.chains[0]?.rules.map((rule) => rule.text)).toEqual([expect.any(String), 'drop']);
  });

  test('a line that has a hundred thousand braces too many is told once', () => {
    const { unread } = readListing(`table inet a {\n}\n${'} '.repeat(100_000)}\n`);
    expect(unread.map(({ line }) => line)).toEqual([3]);
  });

  test.each(['type', 'policy'])('a rule that a brace behind "%s" has swallowed is unread', (word) => {
    const listing = readListing(`table ip t {\n\tchain c {\n\t\t${word} {\n\t\tip ttl < 5 drop\n\t\t}\n\t}\n}\n`);
    expect(listing.unread.map(({ line }) => line)).toContain(4);
  });

  test('a rule inside of what decides nothing is unread', () => {
    const listing = readListing('table ip t {\n\tcounter c {\n\t\tpackets 1 bytes 2\n\t\tip ttl < 5 drop\n\t}\n}\n');
    expect(listing.unread.map(({ line }) => line)).toEqual([4]);
  });

  test.each([
    ['counter c', 'strange thing'],
    ['counter c', 'packets 1 bytes 2 drop'],
    ['quota c', 'ip saddr 10.0.0.1'],
    ['flowtable f', 'tcp dport 80 accept'],
    ['flowtable f', 'strange thing'],
    ['set s', 'strange thing'],
    ['set s', 'ct'],
    ['set s', 'size many'],
    ['set s', 'type'],
    ['set s', 'elements = { 1 : 2 }'],
    ['set s', 'elements = { 1, 2 } 3'],
    ['map m', 'elements = { 1 : jump }'],
    ['map m', 'elements = { \u00011 : drop }'],
    ['map m', 'elements = { \ufffd10.0.0.2 : accept }'],
    ['chain c', 'type filter hook nowhere priority filter; policy accept;'],
    ['chain c', 'type filter hook forward priority somewhere; policy accept;'],
    ['chain c', 'type strange hook forward priority filter; policy accept;'],
    ['chain c', 'type'],
  ])('in a %s "%s" is unread', (block, line) => {
    const { unread } = readListing(`table inet t {\n\t${block} {\n\t\t${line}\n\t}\n}\n`);
    expect(unread.map((one) => one.line)).toEqual([3]);
  });

  test.each(['chain', 'chain a b', 'chain !', 'set', 'map m n', 'counter', 'ct helper'])(
    'what stands in a block that begins with "%s" is unread, and so is its beginning',
    (heading) => {
      const { unread } = readListing(`table inet t {\n\t${heading} {\n\t\taccept\n\t}\n}\n`);
      expect(unread.map(({ line }) => line)).toEqual([2, 3]);
    },
  );

  test('an element that goes over a line is unread, and what the set holds is not certain', () => {
    const { unread, tables } = readListing(
      'table ip t {\n\tmap m {\n\t\ttype inet_service : verdict\n\t\telements = { 1 : jump\n\t\t\ta }\n\t}\n}\n',
    );
    expect(unread.map(({ line }) => line)).toEqual([4, 5]);
    expect(tables[0]?.sets[0]?.uncertain).toBe(true);
  });

  test.each([
    ['match', { op: '==', left: { concat: [] }, right: { concat: [] } }],
    ['vmap', { key: { concat: [] }, data: { set: [[{ concat: [] }, { accept: null }]] } }],
  ])('a %s of no field at all is not understood', (kind, inside) => {
    const table = { family: 'inet', name: 't', handle: 1 };
    const chain = { family: 'inet', table: 't', name: 'c', handle: 2 };
    const rule = { family: 'inet', table: 't', chain: 'c', handle: 3, expr: [{ [kind]: inside }] };
    const { tables } = readListing(JSON.stringify({ nftables: [{ table }, { chain }, { rule }] }));
    expect(tables[0]?.chains[0]?.rules[0]?.steps).toMatchObject([{}]);
    expect(JSON.stringify(tables[0]?.chains[0]?.rules[0]?.steps)).toContain('unknown');
  });

  test('a chain of JSON whose hook is not known is unread, and its rules are there', () => {
    const chain = {
      family: 'netdev',
      table: 't',
      name: 'c',
      type: 'filter',
      hook: 'egress',
      prio: 0,
      policy: 'accept',
    };
    const rule = { family: 'netdev', table: 't', chain: 'c', expr: [{ drop: null }] };
    const listing = readListing(JSON.stringify({ nftables: [{ chain }, { rule }] }));
    expect(listing.unread).toHaveLength(1);
    expect(listing.tables.map(({ partial }) => partial)).toEqual([true]);
    expect(chainOf(listing, 'c')).toEqual(['DROP']);
  });

  test('of a chain whose hook is not known it is not said that no packet comes there', () => {
    const { tables } = readListing(
      'table netdev t {\n\tchain c {\n\t\ttype filter hook egress device "eth0" priority filter; policy drop;\n\t\tdrop\n\t}\n}\n',
    );
    expect(tables.map(({ partial, chains }) => [partial, chains[0]?.base, chains[0]?.rules.length])).toEqual([
      [true, null, 1],
    ]);
  });

  test('JSON that has more beside its list is read', () => {
    const rule = { family: 'ip', table: 't', chain: 'c', expr: [{ drop: null }] };
    const listing = readListing(JSON.stringify({ nftables: [{ rule }], more: [1] }));
    expect(listing.unread).toEqual([]);
    expect(chainOf(listing, 'c')).toEqual(['DROP']);
  });

  test('of a table of a family that nobody knows every line is unread, not the first alone', () => {
    const listing = readListing('table ip t {\n}\ntable moon t {\n\tchain c {\n\t\taccept\n\t}\n\tset s {\n\t}\n}\n');
    expect(listing.unread.map(({ line }) => line)).toEqual([3, 4, 5, 6, 7, 8]);
    expect(listing.tables.map(({ family }) => family)).toEqual(['ip']);
  });

  test('the tables of iptables-nft are read once, as iptables-nft-save has them', () => {
    const save =
      '# Generated by iptables-nft-save v1.8.11 (nf_tables) on Wed\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -m set --match-set x dst -j DROP\nCOMMIT\n';
    const nft =
      'table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy accept;\n\t\txt match "set" drop\n\t}\n}\ntable ip mine {\n}\n';
    for (const text of [save + nft, nft + save]) {
      const listing = readListing(text);
      expect(listing.unread).toEqual([]);
      expect(listing.tables.map(({ name }) => name)).toEqual(['filter', 'mine']);
      expect(chainOf(listing, 'FORWARD')).toEqual(['other @x | DROP']);
    }
  });
});

test('a field of an extension header is read as one that no packet of the walk has', () => {
  const of = (op: string) => {
    const left = { exthdr: { name: 'frag', field: 'nexthdr' } };
    const rule = {
      family: 'bridge',
      table: 't',
      chain: 'c',
      handle: 3,
      expr: [{ match: { op, left, right: 6 } }, { drop: null }],
    };
    const objects = [
      { table: { family: 'bridge', name: 't', handle: 1 } },
      { chain: { family: 'bridge', table: 't', name: 'c', handle: 2 } },
      { rule },
    ];
    const [first] = readListing(JSON.stringify({ nftables: objects })).tables[0]?.chains[0]?.rules ?? [];
    return first === undefined ? undefined : first.steps[0];
  };
  for (const op of ['==', '!='])
    expect(of(op)).toMatchObject({ kind: 'condition', condition: { kind: 'among', fields: [{ field: 'exthdr' }] } });
});
