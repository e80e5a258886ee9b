import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { cliPage, cliReference } from '../../scripts/cli-reference.ts';
import { exits } from '../../src/cli/exit.ts';
import { commandSpecs, globalOptions } from '../../src/cli/specs.ts';
import { articleHost, articlePolicy, configured } from './hosts.ts';

test('docs/cli.md is what npm run docs writes', () => {
  expect(readFileSync(cliPage, 'utf8')).toBe(cliReference());
});

test('exit codes differ from each other and from those of the shell', () => {
  const { changes, ...others } = exits;
  expect(Object.values(others).map(({ code }) => code)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  // the one command that ends so has another code for wrong use
  expect(changes.code).toBe(exits.usage.code);
  for (const { exits: own, codes } of commandSpecs)
    if (own.changes !== undefined) expect(codes?.usage).toBe(exits.no.code);
});

test.each([
  [['chekc'], 'did you mean check?'],
  [['ps', '--jsno'], 'did you mean --json?'],
  [['explain'], "missing required argument 'from'"],
  [['explain', 'app/app'], "missing required argument 'to'"],
  [['ps', 'extra'], 'too many arguments'],
  [['--config'], 'argument missing'],
  [['check', '--config', ''], '--config is empty'],
  [['completion', 'tcsh'], 'there is no completion for "tcsh"'],
  [['explain', 'app/app', 'http://example.com/'], 'a destination is not a URL'],
  [['explain', 'a/b/c', '1.1.1.1:443'], 'one "/" too many'],
  [['explain', 'app/app', '10.0.0.1:0'], 'TO:'],
  [['chains', '--listing', '-', '--world', '-'], 'both "-"'],
  [['explain', '--path', 'host', '10.0.0.1:1', '--listing', '-', '--world', '-'], 'both "-"'],
  [['explain', 'app/app', '10.0.0.1:1', '--listing', '-'], '--listing is for --path'],
  [['explain', 'app/app', '10.0.0.1:1', '--live'], '--live is for --path'],
])('wrong use ends with 2 and says what is wrong: %j', async (args, words) => {
  const { code, out, err } = await articleHost().sluice(args);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(words);
});

test('settings come from options, else from the environment, else from defaults', async () => {
  const host = articleHost();
  host.files.write('/a/policy.yaml', articlePolicy);
  const path = async (...args: string[]) => JSON.parse((await host.sluice(['check', '--json', ...args])).out).files[0];
  expect(await path()).toBe(configured);
  host.env = { SLUICE_CONFIG: '/a/policy.yaml' };
  expect(await path()).toBe('/a/policy.yaml');
  expect(await path('--config', configured)).toBe(configured);
  host.env = { SLUICE_CONFIG: '' };
  expect(await path()).toBe(configured);
});

test('the state goes where --state says, and two states do not know of each other', async () => {
  const host = articleHost();
  await host.sluice(['apply', '--state', '/srv/one']);
  expect(host.files.textOf('/srv/one/applied.json')).toBeDefined();
  expect(host.files.textOf('/var/lib/sluice/applied.json')).toBeUndefined();
  expect((await host.sluice(['apply', '--dry-run', '--state', '/srv/one'])).out).toContain('No container changes');
  expect((await host.sluice(['apply', '--dry-run', '--state', '/srv/two'])).out).toContain('6 containers change');
});

test('options may stand before and after the command', async () => {
  const after = await articleHost().sluice(['check', '--json']);
  expect(await articleHost().sluice(['--json', 'check'])).toEqual(after);
});

test.each(commandSpecs.map(({ name }) => name))('%s --help says what it does, how, and how it ends', async (name) => {
  const { code, out, err } = await articleHost().sluice([name, '--help']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  for (const words of ['Usage: sluice', 'Examples:', 'Exit codes:', ...globalOptions.map(({ form }) => form)])
    expect(out).toContain(words);
});

test('nobody sees a stack trace without asking for it', async () => {
  const host = articleHost();
  host.engineError = new TypeError('x is not a function');
  expect((await host.sluice(['ps'])).err).not.toMatch(/^\s+at /m);
  expect((await host.sluice(['ps', '--debug'])).err).toMatch(/^\s+at /m);
});

test('colours only where a terminal wants them', async () => {
  const coloured = async (terminal: boolean, env: Record<string, string>, ...args: string[]) => {
    const host = articleHost();
    Object.assign(host, { terminal, env });
    return (await host.sluice(['check', ...args])).out.includes('\u001b[');
  };
  expect(await coloured(true, {})).toBe(true);
  expect(await coloured(false, {})).toBe(false);
  expect(await coloured(false, { FORCE_COLOR: '1' })).toBe(true);
  expect(await coloured(true, { NO_COLOR: '1' })).toBe(false);
  expect(await coloured(true, { NO_COLOR: '' })).toBe(true);
  expect(await coloured(true, {}, '--no-color')).toBe(false);
  expect(await coloured(true, { FORCE_COLOR: '1' }, '--no-color')).toBe(false);
  expect(await coloured(true, { TERM: 'dumb' })).toBe(false);
});

test('check --schema prints a JSON Schema', async () => {
  const { out, code } = await articleHost().sluice(['check', '--schema']);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ $schema: expect.stringContaining('json-schema.org') });
});
