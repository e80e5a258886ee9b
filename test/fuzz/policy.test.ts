import { test } from 'vitest';
import { fuzz, testTime } from './fuzz.ts';

test(
  'what people write is refused with its place, or comes into force as it was understood',
  { timeout: testTime },
  () => fuzz('policy'),
);
