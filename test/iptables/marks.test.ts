import { expect, test } from 'vitest';
import { bits } from '../../src/iptables/marks.ts';
import { defaultMarks, unprovenMark } from '../../src/nftables/marks.ts';

test('while one backend takes over from another neither takes its proof for what the other says', () => {
  expect(bits.proven & defaultMarks.proven).toBe(0);
  expect(bits.proven & unprovenMark).toBe(0);
  expect(defaultMarks.proven & unprovenMark).toBe(0);
});

test('a proof is no judgement, where all of mangle is emptied and nobody takes it away', () => {
  for (const other of [bits.passed, bits.denied, bits.bridged, bits.number]) expect(bits.proven & other).toBe(0);
});
