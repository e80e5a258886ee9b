import { expect, test } from 'vitest';
import { parseSave } from '../../src/iptables/save.ts';

test('tables, chains and rules are read with what they have counted', () => {
  const saved = parseSave('*raw\n:A - [0:0]\n[3:180] -A A -j DROP\n-A A -p tcp\n-A B -j DROP\nCOMMIT\n*filter\n');
  expect([...saved.keys()]).toEqual(['raw', 'filter']);
  expect(saved.get('raw')?.rules.get('A')).toEqual(['-j DROP', '-p tcp']);
  expect(saved.get('raw')?.packets.get('A')).toEqual([3, 0]);
});

test('a rule with a line end of another kind in it is a rule, and takes no longer than others', () => {
  const long = 'x'.repeat(200_000);
  const { user: before } = process.cpuUsage();
  const saved = parseSave(`*raw\n:A - [0:0]\n-A A ${long}\r-j DROP\n-A ${long}\u2028\nCOMMIT\n`);
  const { user: after } = process.cpuUsage();
  expect(saved.get('raw')?.rules.get('A')).toEqual([`${long}\r-j DROP`]);
  // with the square of its length it took 40 s
  expect((after - before) / 1_000_000).toBeLessThan(5);
});
