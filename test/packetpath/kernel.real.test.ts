import { afterAll, describe, expect, test } from 'vitest';
import { engines } from '../../lab/roots.ts';
import { readHostRules } from '../../src/host/rules.ts';
import type { Listing, Step, Table } from '../../src/packetpath/model.ts';
import { readListing } from '../../src/packetpath/read/read.ts';
import { RealTools } from './real-tools.ts';
import { shortStep } from './short.ts';

/** Real tools hold and list the same rules in every form they have, and every form reads to the same. */

/** Numbers that are random and always the same (mulberry32). */
function dice(seed: number): <T>(faces: readonly T[]) => T {
  let state = seed;
  return (faces) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return faces[((mixed ^ (mixed >>> 14)) >>> 0) % faces.length] as never;
  };
}

/** What differs between iptables and ip6tables. */
interface FamilyWords {
  readonly command: 'iptables' | 'ip6tables';
  readonly table: 'ip' | 'ip6';
  readonly set: string;
  readonly sources: readonly [string, string, string];
  readonly destination: string;
  readonly ping: string;
  readonly refused: string;
}

const families: readonly FamilyWords[] = [
  {
    command: 'iptables',
    table: 'ip',
    set: 'nets',
    sources: ['10.1.0.0/16', '10.2.0.0/16', '192.168.1.7'],
    destination: '172.18.0.0/16',
    ping: '-p icmp -m icmp --icmp-type',
    refused: 'icmp-host-unreachable',
  },
  {
    command: 'ip6tables',
    table: 'ip6',
    set: 'nets6',
    sources: ['fd00:1::/32', 'fd00:2::/64', 'fd00::7'],
    destination: 'fd00:172:18::/64',
    ping: '-p ipv6-icmp -m icmp6 --icmpv6-type',
    refused: 'icmp6-adm-prohibited',
  },
];

/** Rules whose every part each form shows. */
function someRules(seed: number, count: number, words: FamilyWords): readonly string[] {
  const any = dice(seed);
  const not = () => any(['', '', '! ']);
  return Array.from({ length: count }, () => {
    const ports = any(['tcp', 'udp']);
    return [
      any(['', ...words.sources.map((source) => `${not()}-s ${source}`)]),
      any(['', `${not()}-d ${words.destination}`]),
      any(['', `${not()}-i br1`, '-i veth+']),
      any(['', `${not()}-o br2`]),
      any([
        '',
        `-p ${ports} -m ${ports} ${not()}--dport ${any(['80', '1000:2000'])}`,
        `-p ${ports} -m multiport ${not()}--dports 80,443,1000:2000`,
        `-p tcp -m tcp ${not()}--tcp-flags SYN,RST SYN`,
        `${words.ping} ${words.table === 'ip' ? any(['8', '0']) : any(['128', '129'])}`,
      ]),
      any([
        '',
        `-m conntrack ${not()}--ctstate ${any(['NEW', 'RELATED,ESTABLISHED', 'INVALID'])}`,
        '-m conntrack --ctdir REPLY',
      ]),
      any([
        '',
        `-m mark ${not()}--mark ${any(['0x1', '0x1/0x3'])}`,
        `-m addrtype ${not()}--dst-type LOCAL`,
        `-m set ${not()}--match-set ${words.set} ${any(['src', 'dst'])}`,
      ]),
      any([
        '-j ACCEPT',
        '-j DROP',
        '-j RETURN',
        '-j A',
        '-g A',
        `-j REJECT --reject-with ${words.refused}`,
        '-j LOG',
        '',
      ]),
    ]
      .filter((part) => part !== '')
      .join(' ');
  });
}

const restore = (rules: readonly string[]): string =>
  `*filter\n:A - [0:0]\n${rules.map((rule, index) => `-A ${index % 2 === 0 ? 'FORWARD' : 'A'} ${rule.replace(/-[jg] A$/, index % 2 === 0 ? '$&' : '-j DROP')}\n`).join('')}COMMIT\n`;

/** The meaning of a table: its rules' conditions in no order, since each form has its own, then what they do. */
function meaning(table: Table | undefined): unknown {
  return table?.chains
    .map(({ name, base, rules }) => ({
      name,
      base,
      rules: rules.map(({ steps }) => {
        const asked = steps
          .filter(({ kind }) => kind === 'condition')
          .map(shortStep)
          .filter((text) => !isImplied(text, steps));
        const done = steps.filter((step) => step.kind !== 'condition' && !isCount(step)).map(shortStep);
        return [...asked.toSorted(), ...done].join(' | ');
      }),
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const isCount = (step: Step): boolean => step.kind === 'action' && step.action.kind === 'count';

/** `-p tcp` beside a port of tcp's says nothing more; nft leaves it out. */
const isImplied = (text: string, steps: readonly Step[]): boolean =>
  /^l4proto [0-9]+$/.test(text) &&
  steps.some(
    (step) =>
      step.kind === 'condition' &&
      step.condition.kind === 'among' &&
      step.condition.fields.some(({ only }) => `l4proto ${only?.protocol}` === text),
  );

interface Compared {
  readonly seed: number;
  readonly variant: 'legacy' | 'nft';
  readonly family: FamilyWords;
  /** Their listing. */
  readonly sets: string;
}

/** Lists the same rules in every form. @returns how many rules were compared */
async function compareForms(tools: RealTools, { seed, variant, family, sets }: Compared): Promise<number> {
  const program = `${family.command}-${variant}`;
  await tools.must(program, ['-F']);
  await tools.must(`${program}-restore`, [], restore(someRules(seed, 40, family)));
  const list = async (...args: readonly string[]) => readListing((await tools.must(program, args)) + sets);
  const saved = readListing((await tools.must(`${program}-save`, ['-t', 'filter'])) + sets);
  expect(saved.unread).toEqual([]);
  expect(saved.tables.map((table) => `${table.engine} ${table.family}`)).toEqual([
    `${variant === 'nft' ? 'nf_tables' : 'legacy'} ${family.table}`,
  ]);
  const wanted = meaning(filterOf(saved));
  expect(JSON.stringify(wanted)).not.toMatch(/unknown/i);
  let compared = 0;
  for (const form of [['-S'], ['-nvL'], ['-nvL', '--line-numbers']]) {
    const listing = await list(...form);
    expect(listing.unread).toEqual([]);
    expect(filterOf(listing)?.family).toBe(family.table);
    expect(meaning(filterOf(listing)), `${program} ${form.join(' ')}`).toEqual(wanted);
    compared += 40;
  }
  const lost = filterOf(await list('-nL'));
  expect(lost?.chains.flatMap(({ rules }) => rules).every((rule) => rule.lost.includes('interfaces'))).toBe(true);
  return compared;
}

const filterOf = (listing: Listing): Table | undefined =>
  listing.tables.find(({ name, family }) => name === 'filter' && (family === 'ip' || family === 'ip6'));

describe.each(engines)('the tools beside engine %s', (engine) => {
  let tools: RealTools | undefined;
  afterAll(() => tools?.close());

  test('list generated rules in forms that all read to the same', async () => {
    tools = await RealTools.open(engine);
    await tools.must(
      'ipset',
      ['restore'],
      'create nets hash:net family inet\nadd nets 10.1.0.0/16\nadd nets 10.1.5.0/24 nomatch\n' +
        'create nets6 hash:net family inet6\nadd nets6 fd00:1::/32\nadd nets6 fd00:1:5::/48 nomatch\n',
    );
    const sets = await tools.must('ipset', ['save']);
    let compared = 0;
    for (let seed = 1; seed <= 4; seed++)
      for (const variant of ['legacy', 'nft'] as const)
        for (const family of families) compared += await compareForms(tools, { seed, variant, family, sets });
    expect(compared).toBe(4 * 2 * 2 * 3 * 40);
  });

  test('list nf_tables as text and as JSON alike, whatever iptables put there, and the host has each table once', async () => {
    const host = await readHostRules(async (program, args) => {
      const done = await (tools as RealTools).run(program, args);
      return done.code === 127 ? null : done;
    });
    const names = host.tables.map((table) => `${table.engine} ${table.family} ${table.name}`);
    expect(names.filter((name) => / ip6? /.test(name)).toSorted()).toEqual([
      'legacy ip filter',
      'legacy ip6 filter',
      'nf_tables ip filter',
      'nf_tables ip6 filter',
    ]);
    const native =
      'table inet mine { set s { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }; }\n chain c { type filter hook forward priority -10; policy drop;\n ct state established,related accept\n ip saddr @s iifname "br-*" tcp dport { 80, 443 } counter accept comment "web"\n meta mark set meta mark | 0x10\n oifname vmap { "br1" : accept, "br2" : drop }\n reject with icmpx admin-prohibited\n }\n}\n';
    await (tools as RealTools).must('nft', ['-f', '-'], native);
    const mine = (listing: Listing) => listing.tables.find(({ name }) => name === 'mine');
    const json = readListing(await (tools as RealTools).must('nft', ['-j', 'list', 'table', 'inet', 'mine']));
    const text = readListing(await (tools as RealTools).must('nft', ['-a', 'list', 'table', 'inet', 'mine']));
    expect(JSON.stringify(meaning(mine(json)))).not.toMatch(/unknown/i);
    expect(meaning(mine(text))).toEqual(meaning(mine(json)));
    expect(mine(text)?.sets).toEqual(mine(json)?.sets);
  });
});
