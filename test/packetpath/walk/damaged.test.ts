import { describe, expect, test } from 'vitest';
import { readListing } from '../../../src/packetpath/read/read.ts';
import { short } from '../short.ts';
import { through } from './through.ts';

/** Listings that break off, or that a page or a mail has wrapped: what is lost in them is never taken for nothing. */

/** What is read of the chain that a packet from 172.18.0.2 on br-000000000001 to 192.168.5.5:22 comes to, and its verdict. */
function read(text: string, name: string) {
  const listing = readListing(text);
  const chain = listing.tables.flatMap(({ chains }) => chains).find((one) => one.name === name);
  return { rules: chain?.rules.map(short), verdict: through(listing).verdict, unread: listing.unread };
}

const unreadable = 'UNKNOWN of a line that cannot be read';

describe('nft list ruleset', () => {
  const head = 'table inet t {\n\tchain f {\n\t\ttype filter hook forward priority filter; policy accept;\n';
  const tail = '\t}\n}\n';
  const nft = (...lines: readonly string[]) => read(`${head}${lines.map((line) => `${line}\n`).join('')}${tail}`, 'f');

  test.each([
    ['in a chain', `${head}\t\tip saddr 10.0.0.0/8 drop\n`, 2],
    ['in a rule', `${head}\t\tip saddr 172.18.0.0/16`, 2],
    ['in the braces of a rule', `${head}\t\ttcp dport { 80,\n\t\t\t`, 1],
    ['behind a chain', `${head}\t\tip saddr 10.0.0.0/8 drop\n\t}\n`, 1],
    ['at the head of a chain', `${head}\t\tip saddr 10.0.0.0/8 drop\n\t}\n\n\tchain`, 1],
    ['where a brace is missing', `${head}\t\tip saddr 10.0.0.0/8 drop\n\ntable ip u {\n}\n`, 3],
  ])('that breaks off %s may have had more that stops a packet', (_, text, count) => {
    const { rules, verdict } = read(text, 'f');
    expect(verdict).toBe('depends');
    expect(rules).toHaveLength(count);
  });

  test('that breaks off says so as the condition, and what is stopped before is stopped', () => {
    const broken = `${head}\t\tip saddr 172.18.0.0/16 accept\n\t}\n`;
    expect(through(readListing(broken)).outcomes.map(({ verdict, assumptions }) => [verdict, assumptions])).toEqual([
      [
        'accepted',
        [
          expect.objectContaining({
            text: 'what the listing does not show, or nobody can read, lets the packet go on',
          }),
        ],
      ],
      ['dropped', [expect.objectContaining({ text: 'what the listing does not show, or nobody can read, stops it' })]],
    ]);
    expect(read(`${head}\t\tip saddr 172.18.0.0/16 drop\n`, 'f').verdict).toBe('dropped');
  });

  test('that breaks off in a word has not said where a packet goes', () => {
    const chains = '\tchain DOCKER {\n\t\taccept\n\t}\n';
    const text = `table inet t {\n${chains}${head.split('\n').slice(1).join('\n')}\t\tjump DOCKER`;
    expect(read(text, 'f')).toMatchObject({ verdict: 'depends', rules: [unreadable, unreadable] });
    expect(read(`${text}\n${tail}`, 'f')).toMatchObject({ verdict: 'accepted', rules: ['JUMP DOCKER'] });
  });

  test('that breaks off in a set has not said what it holds', () => {
    const set = '\tset s {\n\t\ttype ipv4_addr\n\t\telements = { 172.18.0.2,\n';
    const { tables } = readListing(`table inet t {\n${set}`);
    expect(tables[0]?.sets).toMatchObject([{ name: 's', uncertain: true }]);
    const damaged = `table inet t {\n\tset s {\n\t\ttype ipv4_addr\n\t\telemnts = { 172.18.0.2 }\n\t}\n`;
    const asked = `${head.split('\n').slice(1).join('\n')}\t\tip saddr @s drop\n${tail}`;
    expect(read(`${damaged}${asked}`, 'f').verdict).toBe('depends');
  });

  test.each([
    ['at a blank', ['\t\tip saddr 1.2.3.4', 'drop']],
    ['behind its counter', ['\t\tip saddr 1.2.3.4 counter packets 0 bytes 0', 'drop']],
    ['with its indentation', ['\t\tip saddr 1.2.3.4', '\t\tdrop']],
    ['further in', ['\t\tip saddr 1.2.3.4 counter', '\t\t\tdrop']],
    ['where nothing is indented', ['ip saddr 1.2.3.4 counter', 'drop']],
    ['twice', ['\t\tip saddr 1.2.3.4', 'tcp dport 22', 'drop']],
    ['in the name of a chain', ['\t\tip saddr 1.2.3.4 jump f', 'oo']],
  ])('of which a rule is wrapped %s: what either half does is not known', (_, lines) => {
    const { rules, verdict, unread } = nft(...lines, '\t\tcounter accept');
    expect(verdict).toBe('depends');
    expect(rules).toHaveLength(lines.length + 1);
    for (const rule of rules?.slice(0, -1) ?? []) expect(rule).toMatch(/UNKNOWN/);
    expect(rules?.at(-1)).toBe('count | ACCEPT');
    expect(unread.map(({ why }) => why)).toContain('the line behind it may be the rest of it');
  });

  test.each([
    [
      'whose rules have their verdicts',
      ['\t\tip saddr 1.2.3.4 accept', 'drop'],
      ['v4 saddr 0x1020304 | ACCEPT', 'DROP'],
    ],
    ['whose rules have their handles', ['\t\tcounter # handle 3', '\tdrop # handle 4'], ['count', 'DROP']],
    ['that only counts first', ['\t\tip saddr 1.2.3.4 counter', '\t\tdrop'], ['v4 saddr 0x1020304 | count', 'DROP']],
    ['with a line between', ['\t\tip saddr 1.2.3.4 counter', '', 'drop'], ['v4 saddr 0x1020304 | count', 'DROP']],
  ])('%s is read as it stands', (_, lines, expected) => {
    expect(nft(...lines)).toMatchObject({ rules: expected, verdict: 'dropped', unread: [] });
  });

  test.each([
    [
      'a head of a chain without its brace',
      '\tchain g\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n',
    ],
    [
      'a chain behind a brace too many',
      '}\n\tchain g {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n',
    ],
    ['a chain of which it is not said where it stands', '\tchain g {\n\t\ttype filter hook\n\t\tdrop\n\t}\n'],
    ['a chain without a name', '\tchain {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n'],
    ['a table of no known family', '}\ntable inett u {\n\tchain g {\n\t\tdrop\n\t}\n'],
  ])('that has %s: it may stop a packet', (_, lines) => {
    expect(read(`${head}\t\taccept\n\t}\n${lines}}\n`, 'f').verdict).toBe('depends');
  });

  test('of which a brace too many closes a chain: the rules behind it are still there, and nobody knows which they are', () => {
    const { rules, verdict } = nft('\t\tip saddr 10.0.0.0/8 drop', '\t}', '\t\tip daddr 192.168.0.0/16 drop');
    expect(verdict).toBe('depends');
    expect(rules).toEqual(['v4 saddr 0xa000000-0xaffffff | DROP', unreadable]);
  });

  test.each([
    ['its policy', ['type filter hook forward priority filter; policy', 'drop;']],
    ['its type', ['ty', 'pe filter hook forward priority filter; policy drop;']],
  ])('of which a chain is wrapped in %s: what it does in the end is not known', (_, lines) => {
    expect(read(`table inet t {\n\tchain f {\n\t\t${lines.join('\n')}\n\t}\n}\n`, 'f').verdict).toBe('depends');
  });

  test.each(['drop comment "a" ip saddr 10.0.0.0/8 accept', 'ip saddr 10.0.0.0/8 drop tcp dport 22 accept'])(
    'of which two rules are in one line, "%s": what that does is not known',
    (line) => {
      expect(nft(`\t\t${line}`)).toMatchObject({ rules: [unreadable], verdict: 'depends' });
    },
  );

  test('whose first table has no head that can be read may have had chains in it', () => {
    const lost = 'table inet\n u {\n\tchain g {\n\t\tdrop\n\t}\n}\n';
    expect(read(`${lost}${head}\t\taccept\n${tail}`, 'f').verdict).toBe('depends');
  });

  test('with a prompt behind it, or a note, is whole', () => {
    expect(read(`${head}\t\taccept\n${tail}root@host:~#\n`, 'f').verdict).toBe('accepted');
  });

  test('of JSON that breaks off: beside other tables it may have any', () => {
    const save = '*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j ACCEPT\nCOMMIT\n';
    expect(read(save, 'FORWARD').verdict).toBe('accepted');
    expect(read(`${save}{"nftables": [{"chain":\n`, 'FORWARD').verdict).toBe('depends');
  });
});

describe('iptables -S and iptables-save', () => {
  const declared = {
    '-S': ['-P INPUT ACCEPT', '-P FORWARD ACCEPT', '-P OUTPUT ACCEPT', '-N A', '-N B'],
    save: [
      '*filter',
      ':INPUT ACCEPT [0:0]',
      ':FORWARD ACCEPT [0:0]',
      ':OUTPUT ACCEPT [0:0]',
      ':A - [0:0]',
      ':B - [0:0]',
    ],
  } as const;
  const listed = (form: keyof typeof declared, rules: readonly string[]): string =>
    [...declared[form], ...rules, ...(form === 'save' ? ['COMMIT'] : []), ''].join('\n');
  const forms = ['-S', 'save'] as const;

  describe.each(forms)('%s', (form) => {
    const first = declared[form].length + 1;

    test.each([
      ['at its target', ['-A FORWARD -i br-000000000001 ! -o br-000000000001', '-j DROP']],
      ['in its conditions', ['-A FORWARD -i br-000000000001', '-p tcp -m tcp', '--dport 22 -j DROP']],
      ['behind a !', ['-A FORWARD -i br-000000000001 !', '-o br-000000000001 -j DROP']],
      ['in an address', ['-A FORWARD -s 172.18.0.2/3', '2 -j DROP']],
      ['in the name of a chain', ['-A FORWARD -j A', 'BC']],
      ['in quotation marks', ['-A FORWARD -m comment --comment "Drop', 'packets" -j DROP']],
    ])('a rule that is wrapped %s is one that nobody knows', (_, lines) => {
      const { rules, verdict, unread } = read(listed(form, [...lines, '-A OUTPUT -j ACCEPT']), 'FORWARD');
      expect(rules).toEqual([unreadable]);
      expect(verdict).toBe('depends');
      expect(unread.map(({ line }) => line)).toEqual(lines.map((_, index) => first + index));
      expect(unread[0]).toMatchObject({ text: lines.join(' '), why: 'the line behind it may be the rest of it' });
    });

    test('where the halves can be one at a blank alone, no other chain is in doubt', () => {
      const wrapped = ['-A INPUT -i br-000000000001', '-j DROP', '-A FORWARD -j ACCEPT'];
      expect(read(listed(form, wrapped), 'FORWARD')).toMatchObject({ rules: ['ACCEPT'], verdict: 'accepted' });
    });

    test.each(['A FORWARD -j DROP', '-j DROP', '…', '-I FORWARD -j DROP', '-A"FORWARD -j DROP', '-A FORWAD -j DROP'])(
      'a rule damaged to "%s" has its place, and in every chain whose it may be',
      (line) => {
        const before = read(listed(form, ['-A INPUT -j ACCEPT', '', line, '-A FORWARD -j ACCEPT']), 'FORWARD');
        expect(before).toMatchObject({ rules: [unreadable, 'ACCEPT'], verdict: 'depends' });
        const behind = read(listed(form, ['-A FORWARD -j A', '', line]), 'FORWARD');
        expect(behind).toMatchObject({ rules: ['JUMP A', unreadable], verdict: 'depends' });
        const between = listed(form, ['-A FORWARD -j A', '-A FORWARD -j ACCEPT', '', line, '-A B -j RETURN']);
        expect(read(between, 'A')).toMatchObject({ rules: [unreadable], verdict: 'depends' });
        const alone = read(listed(form, [line]), 'FORWARD');
        expect(alone).toMatchObject({ rules: [unreadable], verdict: 'depends' });
      },
    );

    test('a rule that is whole stands, whatever is behind it that cannot be its rest', () => {
      const { rules, verdict } = read(listed(form, ['-A FORWARD -j DROP', '-I FORWARD -j ACCEPT']), 'FORWARD');
      expect(rules).toEqual(['DROP', unreadable]);
      expect(verdict).toBe('dropped');
    });

    test('many lines that cannot be read cost no more than they are', () => {
      const many = Array.from({ length: 20_000 }, (_, index) => (index % 2 === 0 ? '-m x' : `-j ${index}`));
      expect(read(listed(form, ['-A FORWARD -j A', ...many]), 'FORWARD').verdict).toBe('depends');
    });
  });

  test.each(['root@host:~#', '[root@host ~]# exit', 'me@host:~$', '$ exit'])(
    'a prompt behind the rules, "%s", and what is behind it, is none',
    (prompt) => {
      const text = listed('-S', ['-A FORWARD -j ACCEPT', prompt, 'logout']);
      expect(read(text, 'FORWARD')).toMatchObject({ rules: ['ACCEPT'], verdict: 'accepted' });
    },
  );

  test.each([
    ['its policy is not', ['*filter', ':FORWARD DRP [0:0]', '-A FORWARD -j DROP', 'COMMIT']],
    ['its policy is wrapped', ['-P INPUT ACCEPT', '-P FORWARD', 'DROP', '-A FORWARD -j DROP']],
    ['its table is not', ['*nat', 'COMMIT', '*fliter', ':FORWARD DROP [0:0]', 'COMMIT']],
  ])('a chain of the kernel that cannot be read, for %s, may stop a packet', (_, lines) => {
    expect(read([...lines, ''].join('\n'), 'FORWARD').verdict).toBe('depends');
  });

  test('a table that breaks off in a word has not said where a packet goes', () => {
    const text = [...declared.save, '-A FORWARD -j A', '-A A -j ACCEPT', '-A B -j A'].join('\n');
    expect(read(text, 'B')).toMatchObject({ rules: [unreadable, unreadable] });
    expect(read(`${text}\n`, 'B')).toMatchObject({ rules: ['JUMP A', unreadable] });
  });
});

describe('iptables -L', () => {
  const heading = ' pkts bytes target     prot opt in     out     source               destination\n';
  const forward = `Chain FORWARD (policy ACCEPT 0 packets, 0 bytes)\n${heading}`;
  const narrow = '    0     0 DROP       all  --  *      *       10.0.0.0/8           0.0.0.0/0';
  const wide = `${narrow}            /* not for us */`;
  const nvL = (...lines: readonly string[]) => read(`${forward}${lines.join('\n')}\n`, 'FORWARD');
  const drop = 'saddr 0xa000000-0xaffffff | DROP';

  const damaged = [
    '    0     0 DROP       all  --  *      *       0.0.0.0/0',
    '    x     0 DROP       all  --  *      *       0.0.0.0/0            0.0.0.0/0',
    '    0     0 DROP       all  --',
    'DROP       all  --  *      *       0.0.0.0/0            0.0.0.0/0',
  ];
  test.each(damaged)('a rule that cannot be read has its place, behind a short one and a long one: %s', (line) => {
    for (const before of [narrow, wide]) {
      const { rules, verdict, unread } = nvL(
        before,
        line,
        '    0     0 ACCEPT     all  --  *      *       0.0.0.0/0            0.0.0.0/0',
      );
      expect(rules).toEqual([drop, unreadable, 'ACCEPT']);
      expect(verdict).toBe('depends');
      expect(unread).toEqual([{ line: 4, text: line, why: 'not a rule of iptables -L' }]);
    }
  });

  test.each(['    0     0 DROP', 'DROP', '10.0.0.0/8 anywhere', '…', '[...]'])(
    'what may be left of a rule is one that nobody knows, "%s", and so is the one that it may belong to',
    (line) => {
      for (const before of [narrow, wide]) {
        const { rules, verdict, unread } = nvL(before, line);
        expect(rules).toEqual([unreadable]);
        expect(verdict).toBe('depends');
        expect(unread.map(({ why }) => why)).toEqual([
          'the line behind it may be the rest of it',
          'not a rule of iptables -L',
        ]);
      }
      expect(nvL(narrow, '', line)).toMatchObject({ rules: [drop, unreadable], verdict: 'depends' });
      expect(nvL(line)).toMatchObject({ rules: [unreadable], verdict: 'depends' });
    },
  );

  test.each([
    ['behind its columns', '', 'tcp dpt:80'],
    ['in a comment', ' /* not', 'for us */'],
    ['in an address', '', '6'],
    ['in a name', ' PHYSDEV match --physdev-in veth', 'abc'],
  ])(
    'a short line that a mail has wrapped %s is one rule with the line behind it, and nobody knows which',
    (_, extras, rest) => {
      expect(nvL(`${narrow.replaceAll(/ +/g, ' ')}${extras}`, rest)).toMatchObject({
        rules: [unreadable],
        verdict: 'depends',
      });
    },
  );

  test('a wrapped line that is understood is one rule, also where it is wrapped before its columns end', () => {
    expect(nvL(wide.slice(0, -6), wide.slice(-6))).toMatchObject({ rules: [drop], unread: [] });
    const long = '    0     0 DROP       all  --  br-000000000001 !br-000000000001  172.18.0.0/16';
    expect(nvL(long, '           0.0.0.0/0            /* not for us */')).toMatchObject({
      rules: ['saddr 0xac120000-0xac12ffff | iifname br-000000000001 | oifname != br-000000000001 | DROP'],
      verdict: 'dropped',
      unread: [],
    });
  });

  test('with -- in a comment that a page has wrapped', () => {
    const commented = `${narrow}            /* not for`;
    expect(nvL(commented, 'us -- or you */')).toMatchObject({ rules: [drop], unread: [] });
  });

  test('a prompt behind the rules is none, nor the rest of one', () => {
    for (const before of [narrow, wide]) {
      const { rules, unread } = nvL(before, 'root@host:~#');
      expect(rules).toEqual([drop]);
      expect(unread).toHaveLength(1);
    }
  });

  test('many lines that cannot be read cost no more than they are', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => `-- ${'and so on '.repeat(index % 2 === 0 ? 8 : 1)}`);
    expect(nvL(`${wide.slice(0, -2)}`, ...many).verdict).toBe('depends');
    expect(nvL(wide, ...many).verdict).toBe('depends');
  });

  test('rules below a heading that cannot be read are rules that nobody knows', () => {
    const text = `Chain FORWARD (policy ACCEPT)\ntarget prot opt source destinat\nDROP       all  --  0.0.0.0/0            0.0.0.0/0\n`;
    expect(read(text, 'FORWARD')).toMatchObject({ rules: [unreadable], verdict: 'depends' });
  });

  test.each(['Chain FORWARD (poli', 'Chan FORWARD (policy DROP)', ''])(
    'rules below the head "%s" are not those of the chain before, and may stop a packet',
    (head) => {
      const input = `Chain INPUT (policy ACCEPT)\n${heading}`;
      const { rules, verdict } = read(
        `${input}\n${head}\n${heading}${narrow}\n\n${forward.replace('FORWARD', 'OUTPUT')}`,
        'INPUT',
      );
      expect(rules).toEqual([]);
      expect(verdict).toBe('depends');
    },
  );
});
