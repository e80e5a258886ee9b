import { test } from 'vitest';
import { fuzz, testTime } from './fuzz.ts';

test('every line of a listing is accounted for, and every rule has its place', { timeout: testTime }, () =>
  fuzz('listings'),
);
