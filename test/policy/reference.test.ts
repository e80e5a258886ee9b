import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { referencePage, withTables } from '../../scripts/policy-reference.ts';
import { builtinGroups } from '../../src/policy/model.ts';
import { readPolicy } from '../../src/policy/read.ts';
import { now } from './fixture.ts';

const page = readFileSync(referencePage, 'utf8');

describe('docs/policy.md', () => {
  test('has the tables that scripts/policy-reference.ts writes', () => {
    expect(page).toBe(withTables(page));
  });

  test('explains every built-in group', () => {
    for (const group of builtinGroups) expect(page).toContain(`| \`${group}\` |`);
  });

  test('has examples that are read without an error', () => {
    const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text ?? '');
    expect(examples.length).toBeGreaterThan(1);
    for (const example of examples) {
      const compose = !example.includes('version: 1');
      const main = {
        path: 'policy.yaml',
        text: compose ? 'version: 1\n' : example,
        role: 'policy',
        writableByOthers: false,
      } as const;
      const file = {
        path: 'shop/docker-compose.yml',
        text: example,
        role: 'compose',
        writableByOthers: false,
      } as const;
      const { policy, diagnostics } = readPolicy(compose ? [main, file] : [main], { now });
      expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
      expect(compose ? policy?.compose.length : policy?.projects.length).toBeGreaterThan(0);
    }
  });
});
