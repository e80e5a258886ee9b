import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Result } from './fakes.ts';

/** Compares a screen with screens/NAME.txt. UPDATE_GOLDEN=1 writes it anew: read the diff. */
export function expectScreen(name: string, args: readonly string[], { out, err, code }: Result): void {
  const path = join(import.meta.dirname, 'screens', `${name}.txt`);
  const errors = err === '' ? '' : `--- standard error\n${err}`;
  const screen = `$ sluice ${args.join(' ')}\n${out}${errors}[exit ${code}]\n`;
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, screen);
  expect(existsSync(path) ? readFileSync(path, 'utf8') : 'there is no such screen; UPDATE_GOLDEN=1 writes it').toBe(
    screen,
  );
}
