import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readListing } from '../../src/packetpath/read/read.ts';
import { lostLines, misplaced } from './accounted.ts';

const folder = new URL('fixtures/', import.meta.url);
const listings = readdirSync(folder)
  .filter((name) => !name.endsWith('.json'))
  .map((name) => readFileSync(new URL(name, folder), 'utf8'));

const anyPiece = fc.oneof(
  fc.constantFrom(
    '*filter',
    'COMMIT',
    ':FORWARD DROP [0:0]',
    '-A FORWARD',
    '-j',
    '!',
    '"',
    '{',
    '}',
    '/*',
    '*/',
    'table inet t {',
    'chain c {',
    'elements = {',
    'Chain FORWARD (policy DROP)',
    '\n',
    ' ',
    '--dport',
    '-m',
    'ct state',
    'create a hash:ip',
    'add a 1.2.3.4',
    '# handle 3',
    '-P FORWARD DROP',
    '{"nftables": [',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

test('no text makes it throw, and no line is lost without a word', () => {
  fc.assert(
    fc.property(fc.array(anyPiece, { maxLength: 40 }), (pieces) => {
      const text = pieces.join(' ');
      const listing = readListing(text);
      for (const { line, text: shown } of listing.unread) expect(line > 0 && shown !== '').toBe(true);
    }),
    { seed: 20180930, numRuns: 1_000 },
  );
});

test('of the listings that are known, every line is accounted for', () => {
  for (const text of listings) expect(lostLines(text, readListing(text))).toEqual([]);
});

test('listings cut off or changed at any place are read to what is left, and every line is accounted for', () => {
  const changed = fc.tuple(
    fc.constantFrom(...listings),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    anyPiece,
    fc.boolean(),
  );
  fc.assert(
    fc.property(changed, ([text, from, to, piece, cut]) => {
      const start = Math.floor(from * text.length);
      const end = cut ? text.length : Math.min(text.length, start + Math.floor(to * 40));
      const made = text.slice(0, start) + (cut ? '' : piece) + text.slice(end);
      const listing = readListing(made);
      expect(lostLines(made, listing)).toEqual([]);
      expect(misplaced(listing)).toBeUndefined();
    }),
    { seed: 20180930, numRuns: 300, endOnFailure: true },
  );
});

test('what is no listing is unread, line by line', () => {
  const listing = readListing('SGVsbG8gd29ybGQ=\n\nSGVsbG8gd29ybGQ=\n');
  expect(listing.tables).toEqual([]);
  expect(listing.unread.map(({ line }) => line)).toEqual([1, 3]);
});

test('many rules of each form are read in time that grows with their number only', { timeout: 60_000 }, () => {
  const forms: Record<string, (count: number) => string> = {
    save: (count) =>
      `*filter\n:FORWARD DROP [0:0]\n${lines(count, (n) => `-A FORWARD -s 10.${n}.0/24 -i br1 -p tcp -m tcp --dport 80 -m comment --comment "rule" -j ACCEPT`)}COMMIT\n`,
    list: (count) =>
      `Chain FORWARD (policy DROP 0 packets, 0 bytes)\n pkts bytes target     prot opt in     out     source               destination\n${lines(count, (n) => `    0     0 ACCEPT     tcp  --  br1    *       10.${n}.0/24         0.0.0.0/0            tcp dpt:80 /* rule */`)}`,
    nft: (count) =>
      `table ip t {\n\tchain c {\n${lines(count, (n) => `\t\tip saddr 10.${n}.0/24 iifname "br1" tcp dport 80 counter packets 0 bytes 0 accept comment "rule"`)}\t}\n}\n`,
  };
  for (const [form, make] of Object.entries(forms)) {
    const [small, large] = [4_000, 20_000].map((count) => {
      const text = make(count);
      const start = process.threadCpuUsage(); // of the work alone, however busy the machine is
      const listing = readListing(text);
      const { user, system } = process.threadCpuUsage(start);
      const took = (user + system) / 1000;
      expect(listing.tables[0]?.chains[0]?.rules, form).toHaveLength(count);
      expect(listing.unread).toEqual([]);
      return took;
    }) as [number, number];
    // quadratic would be 25 times as long; what collects garbage and shares the caches makes it no better than this
    expect(large / small, `${form}: ${small} ms, ${large} ms`).toBeLessThan(15);
  }
});

const lines = (count: number, line: (n: string) => string): string =>
  Array.from({ length: count }, (_, n) => `${line(`${(n >> 8) & 255}.${n & 255}`)}\n`).join('');
