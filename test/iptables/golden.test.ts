import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { renderXtables } from '../../src/iptables/render.ts';
import { stateText } from '../../src/iptables/text.ts';
import { readCase, rulesFile, topics } from '../golden/cases.ts';
import { facts } from './facts.ts';

/** The cases of test/golden in iptables, ipset and ebtables. `UPDATE_GOLDEN=1 npm run test:unit` writes them anew. */
const isUpdate = process.env['UPDATE_GOLDEN'] === '1';
const file = (topic: string) => join(rulesFile(topic), '..', 'ruleset.iptables');

test.each(topics)('%s gives exactly these rules', (topic) => {
  const text = stateText(renderXtables(readCase(topic).ruleset, facts), (name) => name);
  if (isUpdate) writeFileSync(file(topic), text);
  expect(existsSync(file(topic)), 'ruleset.iptables is missing: UPDATE_GOLDEN=1 writes it').toBe(true);
  expect(text).toBe(readFileSync(file(topic), 'utf8'));
});
