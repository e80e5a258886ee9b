import { test } from 'vitest';
import { fuzz, testTime } from './fuzz.ts';

test('what the engine answers is refused as its error, or makes a world that can be held', { timeout: testTime }, () =>
  fuzz('engine'),
);
