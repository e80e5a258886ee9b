import { expect, test } from 'vitest';
import { bits } from '../../src/iptables/marks.ts';
import { defaultMarks, unprovenMark } from '../../src/nftables/marks.ts';

test('while one backend takes over from another neither takes its proof for what the other says', () => {
  expect(bits.proven & defaultMarks.proven).toBe(0);
  expect(bits.proven & unprovenMark).toBe(0);
  expect(defaultMarks.proven & unprovenMark).toBe(0);
});
