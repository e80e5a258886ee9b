import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { explainListing } from '../../src/packetpath/purpose/explain-listing.ts';
import { readListing } from '../../src/packetpath/read/read.ts';
import { firstPacket } from '../../src/packetpath/walk/ask.ts';
import { surroundingsOfListing } from '../../src/packetpath/walk/derive.ts';
import { exactly } from '../../src/packetpath/walk/packet.ts';
import { walkPacket } from '../../src/packetpath/walk/walk.ts';
import { misplaced } from './accounted.ts';
import { short } from './short.ts';

/**
 * Listings as people paste them in public threads, reduced to a few rules: copied out of pages, cut, wrapped, redacted,
 * annotated, by tools and versions that nobody here has. `rules` is how many lines of the text are rules,
 * `unread` those of its lines that cannot be read, `unknown` how many rules have a part that is not understood.
 */
const listings: readonly (readonly [
  file: string,
  oddity: string,
  told: {
    readonly tables: readonly string[];
    readonly rules: number;
    readonly unread?: readonly number[];
    readonly unknown?: number;
    readonly makers: readonly string[];
  },
])[] = [
  [
    'ufw-by-name',
    'services by name, log prefixes in quotation marks of old',
    { tables: ['ip filter'], rules: 12, makers: ['ufw'] },
  ],
  [
    'lxd-wrapped',
    'a word wrapped into the next line is two statements that nobody knows',
    { tables: ['inet lxd'], rules: 13, unknown: 2, makers: ['lxd'] },
  ],
  [
    'wg-quick-redacted',
    'indented as code, behind a prompt, with addresses blackened',
    { tables: ['ip6 wg-quick-www', 'ip wg-quick-www'], rules: 4, unread: [1], unknown: 2, makers: ['wg-quick'] },
  ],
  ['firewalld-indented', 'indented as code', { tables: ['ip filter'], rules: 7, makers: ['firewalld'] }],
  [
    'fail2ban-host-names',
    'an address that was looked up is not known; an ellipsis above',
    { tables: ['ip filter'], rules: 3, unread: [2], unknown: 1, makers: ['fail2ban'] },
  ],
  [
    'tailscale-annotated',
    'notes between rules, interfaces compared with their last byte',
    { tables: ['ip filter'], rules: 6, makers: ['tailscale'] },
  ],
  [
    'libvirt-redacted',
    'words where an address was',
    { tables: ['ip6 filter'], rules: 13, unread: [14, 16], unknown: 2, makers: ['libvirt'] },
  ],
  [
    'docker-libvirt-broken-comment',
    'comments redacted so that their options are lost',
    { tables: ['ip filter'], rules: 10, unread: [16, 17], unknown: 2, makers: ['docker', 'libvirt', 'operator'] },
  ],
  [
    'netavark-by-xt',
    'targets of iptables that nft cannot show',
    { tables: ['ip nat'], rules: 9, unknown: 4, makers: ['podman', 'unknown'] },
  ],
  ['netavark-prompted', 'a prompt of three signs', { tables: ['ip filter'], rules: 5, makers: ['podman'] }],
  [
    'kube-proxy-cut',
    'names with slashes, ways by chance, cut off inside the table',
    { tables: ['ip kube-proxy'], rules: 6, unread: [50, 51], makers: ['kube'] },
  ],
  [
    'openwrt-mailed',
    'quotation marks turned by a mail program, a policy without its word',
    { tables: ['inet fw4'], rules: 6, unread: [9], unknown: 2, makers: ['openwrt'] },
  ],
  ['proxmox-no-targets', 'rules without a target', { tables: ['ip filter'], rules: 8, makers: ['proxmox'] }],
  [
    'ip6tables-without-opt',
    'an empty column, modules without a reader',
    { tables: ['ip6 filter'], rules: 7, unknown: 1, makers: ['unknown'] },
  ],
  [
    'crowdsec-ellipsis',
    'an ellipsis above, and another in a set, whose content is not certain then',
    { tables: ['ip crowdsec'], rules: 1, unread: [2], makers: ['crowdsec'] },
  ],
  [
    'openwrt-web-page',
    'a table of a web page, which no tool prints: nothing of it is read, and all of it is told',
    { tables: [], rules: 0, unread: [1, 2, 3, 4, 6, 7, 8], makers: [] },
  ],
];

const fixture = (name: string): string => readFileSync(new URL(`wild/${name}.txt`, import.meta.url), 'utf8');

/** A packet that a container sends; what becomes of it is not the question, but that somebody says. */
const asked = firstPacket({
  from: { in: { kind: 'name', name: 'br1' }, port: null },
  family: 4,
  source: exactly(0xac12_0002n),
  destination: exactly(0xc0a8_0505n),
  protocol: 6,
  port: exactly(80n),
});

describe("other people's listings", () => {
  test.each(listings)('%s: %s', (file, _, told) => {
    const listing = readListing(fixture(file));
    const rules = listing.tables.flatMap(({ chains }) => chains.flatMap((chain) => chain.rules));
    const explained = explainListing(listing, null).tables.flatMap(({ chains }) => chains.flatMap((one) => one.rules));
    expect({
      tables: listing.tables.map(({ family, name }) => `${family} ${name}`),
      rules: rules.length,
      unread: listing.unread.map(({ line }) => line),
      unknown: rules.map(short).filter((text) => /unknown/i.test(text)).length,
      makers: [...new Set(explained.map(({ purpose }) => purpose.maker))].toSorted(),
    }).toEqual({ unread: [], unknown: 0, ...told });
    expect(explained.map(({ rule }) => rule)).toEqual(rules);
    expect(misplaced(listing)).toBeUndefined();
    expect(walkPacket(listing, surroundingsOfListing(listing), asked).outcomes.length).toBeGreaterThan(0);
  });
});

describe('what they taught', () => {
  const onlyRule = (text: string) => {
    const { tables, unread } = readListing(text);
    return { rule: tables[0]?.chains[0]?.rules.map(short), unread };
  };
  const nft = (family: string, rule: string) =>
    onlyRule(`table ${family} t {\n\tchain c {\n\t\t${rule}\n\t}\n}\n`).rule;
  const saved = (rule: string) => onlyRule(`*filter\n:INPUT ACCEPT [0:0]\n-A INPUT ${rule}\nCOMMIT\n`).rule;

  test('services by their registered names, in every form; other names stay unknown', () => {
    expect(saved('-p tcp -m tcp --dport http-alt -j DROP')).toEqual(['l4proto 6 | 6 dport 8080 | DROP']);
    expect(saved('-p udp -m multiport --dports bootps,53 -j DROP')).toEqual(['l4proto 17 | 17 dport {67, 53} | DROP']);
    expect(nft('inet', 'tcp dport { ssh, 443 } accept')).toEqual(['6 dport {22, 443} | ACCEPT']);
    expect(saved('-p tcp -m tcp --dport zabbix-agent -j DROP')?.[0]).toContain('unknown');
  });

  test('the version of IP is a family', () => {
    expect(nft('inet', 'ip version 4 oifname "lxdbr0" accept')).toEqual(['nfproto 2 | oifname lxdbr0 | ACCEPT']);
    expect(nft('inet', 'ip6 version 6 accept')).toEqual(['nfproto 10 | ACCEPT']);
    expect(nft('bridge', 'ip version 4 drop')).toEqual(['ether type 2048 | DROP']);
    expect(nft('inet', 'ip version 5 drop')?.[0]).toContain('unknown');
    expect(nft('inet', 'ip version != 4 drop')?.[0]).toContain('unknown');
  });

  test('a chain’s policy without its word is no policy', () => {
    const { tables, unread } = readListing(
      'table ip t {\n\tchain c {\n\t\ttype filter hook forward priority filter; policy\n\t}\n}\n',
    );
    expect(tables).toHaveLength(1);
    expect(unread).toMatchObject([{ line: 3 }]);
  });

  test('prompts and warnings on top are no lost lines, what else stands there is', () => {
    const listing = 'table ip t {\n\tchain c {\n\t\tdrop\n\t}\n}\n';
    const unreadBelow = (top: string) => onlyRule(`${top}\n${listing}`).unread.map(({ text }) => text);
    for (const top of [
      '$ nft list ruleset',
      'root@host:~# nft list ruleset',
      '# sudo nft -a list ruleset',
      '>>> nft list ruleset',
      '# Warning: table ip nat is managed by iptables-nft, do not touch!',
    ])
      expect(unreadBelow(top)).toEqual([]);
    for (const top of [
      '#-A FORWARD -j DROP',
      '-A FORWARD -j DROP # iptables',
      'iptables',
      '# and then',
      '…',
      'x# Completed on iptables',
    ])
      expect(unreadBelow(top)).toEqual([top]);
  });
});
