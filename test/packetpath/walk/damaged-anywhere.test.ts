import { expect, test } from 'vitest';
import { readListing } from '../../../src/packetpath/read/read.ts';
import { through } from './through.ts';

/**
 * The same rules in every form of listing, broken into two lines at any place, and broken off there: the answer is the one of
 * the whole listing or that it depends, and never another.
 */

const saved = `:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:A - [0:0]
:DOCKER-USER - [0:0]
`;
const listed = `-P INPUT ACCEPT
-P FORWARD DROP
-P OUTPUT ACCEPT
-N A
-N DOCKER-USER
`;
const rules = `-A INPUT -i br-000000000001 -j DROP
-A FORWARD -j DOCKER-USER
-A FORWARD -s 10.0.0.0/8 -m comment --comment "not these" -j DROP
-A FORWARD -i br-000000000001 ! -o br-000000000001 -j A
-A FORWARD -i docker0 -j ACCEPT
-A A -s 172.18.0.3/32 -p tcp -m tcp --dport 22 -j REJECT --reject-with tcp-reset
-A A -d 192.168.0.0/16 -p tcp -m multiport --dports 22,80 -j DECIDES
-A A -j RETURN
-A DOCKER-USER -s 172.19.0.0/16 -j DROP
-A DOCKER-USER -j RETURN
`;
const columns = ' pkts bytes target     prot opt in     out     source               destination';
const shown = `Chain INPUT (policy ACCEPT 0 packets, 0 bytes)
${columns}
    0     0 DROP       all  --  br-000000000001 *       0.0.0.0/0            0.0.0.0/0

Chain FORWARD (policy DROP 0 packets, 0 bytes)
${columns}
   10   600 DOCKER-USER  all  --  *      *       0.0.0.0/0            0.0.0.0/0
    0     0 DROP       all  --  *      *       10.0.0.0/8           0.0.0.0/0            /* not these */
   10   600 A          all  --  br-000000000001 !br-000000000001  0.0.0.0/0            0.0.0.0/0
    0     0 ACCEPT     all  --  docker0 *       0.0.0.0/0            0.0.0.0/0

Chain OUTPUT (policy ACCEPT 0 packets, 0 bytes)
${columns}

Chain A (1 references)
${columns}
    0     0 REJECT     tcp  --  *      *       172.18.0.3           0.0.0.0/0            tcp dpt:22 reject-with tcp-reset
   10   600 DECIDES    tcp  --  *      *       0.0.0.0/0            192.168.0.0/16       multiport dports 22,80
    0     0 RETURN     all  --  *      *       0.0.0.0/0            0.0.0.0/0

Chain DOCKER-USER (1 references)
${columns}
    0     0 DROP       all  --  *      *       172.19.0.0/16        0.0.0.0/0
   10   600 RETURN     all  --  *      *       0.0.0.0/0            0.0.0.0/0
`;
const nft = `table ip filter {
	set s {
		type ipv4_addr
		elements = { 10.0.0.1, 10.0.0.2,
			     172.18.0.2 }
	}

	chain A {
		ip saddr 172.18.0.3 tcp dport 22 counter packets 0 bytes 0 reject with tcp reset
		ip saddr @s ip daddr 192.168.0.0/16 tcp dport { 22, 80 } counter packets 3 bytes 4 DECIDES
		return
	}

	chain INPUT {
		type filter hook input priority filter; policy accept;
		iifname "br-000000000001" drop
	}

	chain FORWARD {
		type filter hook forward priority filter; policy drop;
		ip saddr 10.0.0.0/8 counter packets 0 bytes 0 drop comment "not these"
		iifname "br-000000000001" oifname != "br-000000000001" counter packets 3 bytes 4 jump A
		iifname "docker0" accept
	}
}
table inet last {
	chain f {
		type filter hook forward priority security; policy accept;
		ip saddr 172.19.0.0/16 drop
		ct state established,related accept
	}
}
`;

const forms = {
  'iptables-save': `*filter\n${saved}${rules}COMMIT\n`,
  'iptables -S': `${listed}${rules}`,
  'iptables -nvL': shown,
  'nft list ruleset': nft,
};

/** How it is said in a form that the packet passes, or is stopped. */
const words = [
  ['accepted', 'ACCEPT'],
  ['dropped', 'DROP'],
] as const;
const cases = Object.entries(forms).flatMap(([form, text]) =>
  words.map(([verdict, word]) => {
    return [form, verdict, text.replace('DECIDES', form.startsWith('nft') ? word.toLowerCase() : word)] as const;
  }),
);

/** Those of the texts that are answered otherwise than what is whole; one without any table is no listing. */
const wrong = (texts: readonly string[], right: string): readonly string[] =>
  texts.filter((text) => {
    const listing = readListing(text);
    return listing.tables.length > 0 && !['depends', right].includes(through(listing).verdict);
  });

test.each(cases)('%s, where a packet is %s, wrapped', (_, verdict, text) => {
  expect(through(readListing(text)).verdict).toBe(verdict);
  const places = Array.from(text, (char, at) => ({ at, blank: char === ' ' || char === '\t' }));
  const wrapped = places
    .filter(({ at, blank }) => blank || at % 5 === 0)
    .map(({ at, blank }) => `${text.slice(0, at)}\n${text.slice(blank ? at + 1 : at)}`);
  expect(wrong(wrapped, verdict)).toEqual([]);
});

test.each(cases.filter(([form]) => form === 'iptables-save' || form.startsWith('nft')))(
  '%s, where a packet is %s, broken off',
  (_, verdict, text) => {
    const beginnings = Array.from({ length: text.length / 3 }, (_, third) => text.slice(0, third * 3));
    expect(wrong(beginnings, verdict)).toEqual([]);
  },
);
