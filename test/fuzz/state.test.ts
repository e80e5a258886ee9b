import { test } from 'vitest';
import { fuzz, testTime } from './fuzz.ts';

test('a file of the state is set aside, or can be used and written again', { timeout: testTime }, () => fuzz('state'));
