import { test } from 'vitest';
import { fuzz, testTime } from './fuzz.ts';

test(
  'what the kernel says over netlink, however broken, is read within its bounds or refused',
  { timeout: testTime },
  () => fuzz('netlink'),
);
