import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { commandSpecs, globalOptions } from '../../src/cli/specs.ts';
import { articleHost } from './hosts.ts';

const script = async (shell: string) => (await articleHost().sluice(['completion', shell])).out;

/** What bash offers for a line, as Tab would. */
async function offers(...words: string[]): Promise<readonly string[]> {
  const program = `${await script('bash')}
compopt() { :; }
COMP_WORDS=("$@"); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_sluice
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', program, 'bash', ...words], { encoding: 'utf8', cwd: '/' });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

test('bash completes commands, options and values', async () => {
  expect(await offers('sluice', 'ex')).toEqual(['explain']);
  expect(await offers('sluice', 'apply', '--d')).toEqual(['--dry-run', '--debug']);
  expect(await offers('sluice', '--json', 'te')).toEqual(['test']);
  expect(await offers('sluice', '--state', '/x', 'do')).toEqual(['doctor', 'down']);
  expect(await offers('sluice', 'completion', '')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
  expect(await offers('sluice', 'help', 'wor')).toEqual(['world']);
  expect(await offers('sluice', '--config', 'et')).toEqual(['etc']);
  expect(await offers('sluice', 'check', 'et')).toEqual(['etc']);
  expect(await offers('sluice', '--host', 'et')).toEqual([]);
  expect(await offers('sluice', 'explain', 'et')).toEqual([]);
});

test.each(['bash', 'zsh', 'fish'])('%s knows every command and option', async (shell) => {
  const text = await script(shell);
  for (const { name } of commandSpecs) expect(text).toContain(name);
  for (const { form } of [...globalOptions, ...commandSpecs.flatMap(({ options }) => options)]) {
    const word = form.split(' ')[0] ?? form;
    expect(text).toContain(shell === 'fish' ? `-l ${word.slice(2)} ` : word);
  }
});

test('the scripts are made by the program alone', async () => {
  expect(await script('zsh')).toMatch(/^#compdef sluice\n/);
  const { status } = spawnSync('bash', ['-n'], { input: await script('bash') });
  expect(status).toBe(0);
});
