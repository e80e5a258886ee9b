import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { operationsPage, withTables } from '../../scripts/operations-reference.ts';
import { exits } from '../../src/cli/exit.ts';
import { troubleCodes } from '../../src/control/trouble.ts';

const page = readFileSync(operationsPage, 'utf8');
const unit = readFileSync(join(import.meta.dirname, '../../examples/sluice.service'), 'utf8');

describe('docs/operations.md', () => {
  test('has the tables that scripts/operations-reference.ts writes', () => {
    expect(page).toBe(withTables(page));
  });

  test('says of every trouble and every exit code what to do', () => {
    for (const code of Object.keys(troubleCodes)) expect(page).toContain(`| \`${code}\` |`);
    for (const { code, means } of Object.values(exits)) expect(page).toContain(`| ${code} | ${means} |`);
    expect([
      ...Object.values(troubleCodes).map(({ mend }) => mend),
      ...Object.values(exits).map(({ next }) => next),
    ]).not.toContain('');
  });
});

describe('examples/sluice.service', () => {
  test('starts what the README installs', () => {
    const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
    const [, installed] = /ln -s\S* \S+ (\S+)$/m.exec(readme) ?? [];
    expect(unit).toContain(`ExecStart=${installed} run\n`);
  });

  test('does not put back what `sluice down` took away, and never gives up after a crash', () => {
    // a clean end is down's or an administrator's (systemd.service(5), Restart=)
    expect(unit).toContain('Restart=on-failure\n');
    expect(unit).toContain('StartLimitIntervalSec=0\n');
  });
});
