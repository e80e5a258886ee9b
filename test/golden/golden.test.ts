import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { renderText } from '../../src/nftables/backend.ts';
import { readCase, rulesFile, topics } from './cases.ts';

/** `UPDATE_GOLDEN=1 npm run test:unit` writes the rules anew; read the difference before committing it. */
const isUpdate = process.env['UPDATE_GOLDEN'] === '1';

test.each(topics)('%s gives exactly these rules', (topic) => {
  const text = renderText(readCase(topic).ruleset);
  if (isUpdate) writeFileSync(rulesFile(topic), text);
  expect(existsSync(rulesFile(topic)), 'ruleset.nft is missing: UPDATE_GOLDEN=1 writes it').toBe(true);
  expect(text).toBe(readFileSync(rulesFile(topic), 'utf8'));
});

test('there is a case for every topic', () => {
  expect(topics.length).toBeGreaterThanOrEqual(12);
});
