import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { explainListing } from '../../../src/packetpath/purpose/explain-listing.ts';
import { layoutListing, layoutNames, told, toldOf } from './subjects.ts';

/** Compares with told/NAME.txt. UPDATE_GOLDEN=1 writes it anew: read the diff. */
function expectTold(name: string, text: string): void {
  const path = join(import.meta.dirname, 'told', `${name}.txt`);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
  expect(existsSync(path) ? readFileSync(path, 'utf8') : 'there is none; UPDATE_GOLDEN=1 writes it').toBe(text);
}

const engines: Readonly<Record<string, string>> = {
  '18.03.rules': '17.06 to 18.03',
  '20.10.rules': '18.09 to 27',
  '20.10-no-proxy.rules': '18.09 to 27',
  '28.0.0.rules': '28.0.0',
  '28.0.1.rules': '28.0.1 to 28.1',
  '28.5.rules': '28.2 to 28.5',
  '28.5-gateway-modes.rules': '28.0.1 to 28.5',
  '29.rules': '29 and later, with iptables',
  '29-ip6.rules': '29 and later, with iptables',
  '29-nftables.nft': '29 and later, with nftables',
  'swarm.rules': '29 and later, with iptables',
};

describe.each(layoutNames)('the layout of %s', (name) => {
  const explained = explainListing(layoutListing(name), null);
  const rules = told(explained);

  test('is told from others', () => {
    expect(explained.layouts.map(({ versions }) => versions)).toEqual([engines[name]]);
  });

  test('every rule is recognised to its last condition', () => {
    expect(explained.unread).toEqual([]);
    expect(rules.length).toBeGreaterThan(10);
    expect(rules.filter(({ purpose }) => purpose.sureness !== 'exact').map(({ rule }) => rule.text)).toEqual([]);
  });

  test('and says what it is for', () => {
    const lines = rules.map(
      ({ table, chain, rule, purpose }) =>
        `${table} ${chain} ${rule.place.number}: ${rule.text}\n    ${purpose.maker}, ${purpose.outbound}: ${purpose.sentence}\n`,
    );
    expectTold(name, lines.join(''));
  });
});

const save = (...rules: readonly string[]) =>
  ['*filter', ':FORWARD ACCEPT [0:0]', ':DOCKER - [0:0]', ':DOCKER-USER - [0:0]', ':DOCKER-FORWARD - [0:0]']
    .concat(rules, 'COMMIT')
    .join('\n');

describe('generations', () => {
  test('a rule of another generation is not recognised', () => {
    const isolation = ['-A FORWARD -j DOCKER-ISOLATION-STAGE-1', '-A FORWARD -o br1 -j DOCKER'];
    const old = '-A FORWARD -i br1 ! -o br1 -j ACCEPT';
    const of = (...rules: readonly string[]) => toldOf(save(...rules)).find(({ rule }) => rule.text.includes('! -o'));
    expect(of(...isolation, old)?.purpose).toMatchObject({ sureness: 'exact', outbound: 'lets-out' });
    const since = [
      '-A FORWARD -j DOCKER-FORWARD',
      '-A DOCKER-FORWARD -j DOCKER-INTERNAL',
      '-A DOCKER-FORWARD -i br1 -j ACCEPT',
    ];
    expect(of(...since, old)?.purpose).toMatchObject({
      maker: 'unknown',
      sureness: 'unknown',
      outbound: 'may-let-out',
    });
  });

  test('chains left over by another generation do not tell which engine runs', () => {
    const text = save('-A FORWARD -j DOCKER-FORWARD', '-A DOCKER-FORWARD -j DOCKER-INTERNAL').replace(
      ':DOCKER-USER',
      ':DOCKER-ISOLATION-STAGE-1 - [0:0]\n:DOCKER-ISOLATION - [0:0]\n:DOCKER-USER',
    );
    expect(explainListing(layoutListing('29.rules'), null).layouts[0]?.layouts).toEqual(['internal']);
    expect(toldOf(text).every(({ purpose }) => purpose.sureness === 'exact')).toBe(true);
  });

  test('after `iptables -F`, when the chains are empty, the generations that remain possible are all said', () => {
    const { layouts } = explainListing(layoutListing('28.5.rules'), null);
    expect(layouts[0]?.layouts).toEqual(['forward']);
    const flushed = explainListing(
      {
        tables: layoutListing('28.5.rules').tables.map((table) => ({
          ...table,
          chains: table.chains.map((chain) => ({ ...chain, rules: [] })),
        })),
        unread: [],
      },
      null,
    );
    expect(flushed.layouts[0]?.layouts).toEqual(['pairs', 'stages', 'ext-bridges', 'forward', 'internal']);
    expect(flushed.layouts[0]?.evidence).toContain('FORWARD leads to none that tells');
  });
});

describe('an interface that is no bridge of Docker', () => {
  test('makes a rule of nobody known, where its look-alike is Docker’s', () => {
    const rules = toldOf(
      save(
        '-A FORWARD -j DOCKER-ISOLATION-STAGE-1',
        '-A FORWARD -o br1 -j DOCKER',
        '-A FORWARD -i br1 ! -o br1 -j ACCEPT',
        '-A FORWARD -i eth1 ! -o eth1 -j ACCEPT',
        '-A FORWARD -o tun0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      ),
    );
    expect(rules.map(({ purpose }) => purpose.maker)).toEqual(['docker', 'docker', 'docker', 'unknown', 'unknown']);
  });
});
