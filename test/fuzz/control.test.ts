import { test } from 'vitest';
import { fuzz, testTime } from './fuzz.ts';

test('the control socket asks for nothing that was not asked, and ends every connection', { timeout: testTime }, () =>
  fuzz('control'),
);
