import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { explainListing } from '../../../src/packetpath/purpose/explain-listing.ts';
import { readListing } from '../../../src/packetpath/read/read.ts';

/** What Debian's own firewalld 2.3 and ufw 0.36 made on a host of engine 26.1 with one project, as each program lists it. */
const folder = join(import.meta.dirname, 'firewalls');

describe.each(readdirSync(folder))('the listing %s', (name) => {
  const listing = readListing(readFileSync(join(folder, name), 'utf8'));
  const { tables, unread } = explainListing(listing, null);
  const maker = name.split(/[.-]/)[0];

  test('is read to its last line, and to the last condition but for what nobody reads', () => {
    expect(unread).toEqual([]);
    const unknown = listing.tables.flatMap(({ name: table, chains }) =>
      chains.flatMap(({ name: chain, rules }) =>
        rules.flatMap(({ text, steps }) =>
          steps.some((step) => JSON.stringify(step, plain).includes('{"kind":"unknown"'))
            ? `${table} ${chain}: ${text}`
            : [],
        ),
      ),
    );
    expect(unknown.filter((text) => !notUnderstood.test(text))).toEqual([]);
  });

  test('has no chain of theirs that is not known for theirs, and none of anybody else’s that is', () => {
    const chains = tables.flatMap(({ table, chains: its }) => its.map((one) => ({ table, ...one })));
    const theirs = chains.filter((one) => one.maker === maker).map(({ chain }) => chain.name);
    expect(theirs.length).toBeGreaterThan(10);
    const others = new Set(chains.map((one) => one.maker).filter((one) => one !== maker));
    expect([...others].filter((one) => !['docker', 'operator', 'kernel'].includes(one))).toEqual([]);
  });
});

/** What nobody reads, and so is said to be unknown: the routing header, the way back, what nft cannot show of iptables. */
const notUnderstood = /rt --rt-type|rt type|-m rpfilter|xt (match|target) "|fib saddr \. mark \. iif oif missing/;

const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value);
