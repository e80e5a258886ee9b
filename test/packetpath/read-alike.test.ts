import { expect, test } from 'vitest';
import { readListing } from '../../src/packetpath/read/read.ts';
import { shortStep } from './short.ts';

/** What rules say alike is read once: it must be alike in everything that its meaning hangs on. */

function stepsOf(text: string): readonly string[] {
  const { tables, unread } = readListing(text);
  expect(unread).toEqual([]);
  return tables.flatMap(({ chains }) =>
    chains.flatMap(({ rules }) => rules.map(({ steps }) => steps.map(shortStep).join(' | '))),
  );
}

const save = (...rules: readonly string[]): string =>
  ['*filter', ':FORWARD ACCEPT [0:0]', ...rules.map((rule) => `-A FORWARD ${rule}`), 'COMMIT', ''].join('\n');

test('the same ports are those of each rule’s own protocol', () => {
  const of = (protocol: string) => stepsOf(save(`-p ${protocol} -m multiport --dports 80,443 -j ACCEPT`))[0];
  const rules = ['tcp', 'udp', 'tcp'].map((protocol) => `-p ${protocol} -m multiport --dports 80,443 -j ACCEPT`);
  expect(stepsOf(save(...rules))).toEqual([of('tcp'), of('udp'), of('tcp')]);
  expect(of('tcp')).not.toBe(of('udp'));
});

test('the same target is a chain in a table that has it', () => {
  const both = `${save('-j ELSE')}*nat\n:PREROUTING ACCEPT [0:0]\n:ELSE - [0:0]\n-A PREROUTING -g ELSE\n-A PREROUTING -j ELSE\nCOMMIT\n`;
  expect(stepsOf(both)).toEqual([...stepsOf(save('-j ELSE')), 'GOTO ELSE', 'JUMP ELSE']);
});

test('words that nft’s reader does not understand are what their place makes them', () => {
  const chain = (...rules: readonly string[]): string =>
    `table inet t {\n\tchain c {\n${rules.map((rule) => `\t\t${rule}\n`).join('')}\t}\n}\n`;
  const [condition, last] = [stepsOf(chain('strange words accept'))[0], stepsOf(chain('strange words'))[0]];
  expect(stepsOf(chain('strange words accept', 'strange words', 'strange words accept'))).toEqual([
    condition,
    last,
    condition,
  ]);
  expect(condition).not.toContain(last);
});

test('more that differs than is remembered', () => {
  const rules = Array.from({ length: 1000 }, (_, n) => `-s 10.0.${n >> 8}.${n & 255} -j ACCEPT`);
  const twice = [...rules, ...rules];
  expect(stepsOf(save(...twice))).toEqual(twice.map((rule) => stepsOf(save(rule))[0]));
});
