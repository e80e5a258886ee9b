/**
 * Writes docs/cli.md from the specs of the commands and the table of exit codes: `node scripts/cli-reference.ts`. A test
 * fails while the page is not what this would write.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, type Exit, exits } from '../src/cli/exit.ts';
import type { CommandSpec, OptionSpec } from '../src/cli/spec.ts';
import { commandSpecs, globalOptions } from '../src/cli/specs.ts';
import { markdownTable } from './generated-tables.ts';

export const cliPage = join(import.meta.dirname, '../docs/cli.md');

export function cliReference(): string {
  return `${[
    '# The command line',
    '',
    '<!-- written by scripts/cli-reference.ts: change src/cli/specs.ts and run npm run docs -->',
    '',
    'Every command has `--help`, and `--json` for programs: one JSON object on standard output with everything the text',
    'says, its `command` and a `version` that changes only when a reader would break. An error is there as',
    '`{"error": {"kind", "exitCode", "message", "next"}}`, and as text on standard error. Progress and warnings go to',
    'standard error. Colours only in a terminal, and not with `--no-color` or `NO_COLOR`. In a pipe lines do not wrap.',
    '',
    markdownTable(
      ['Command', 'What it does'],
      commandSpecs.map(({ name, summary }) => [`[\`sluice ${name}\`](#sluice-${name})`, summary]),
    ),
    '',
    '## Exit codes',
    '',
    markdownTable(
      ['Code', 'Meaning'],
      Object.values(exits)
        .toSorted((a, b) => a.code - b.code)
        .map(({ code, means }) => [String(code), means]),
    ),
    '',
    'Where a command says more, it stands with the command.',
    '',
    '## Options of every command',
    '',
    optionTable(globalOptions),
    ...commandSpecs.flatMap(commandSection),
  ].join('\n')}\n`;
}

function commandSection(spec: CommandSpec): readonly string[] {
  const usage = [
    'sluice',
    spec.name,
    ...(spec.options.length > 0 ? ['[options]'] : []),
    ...spec.args.map(({ form }) => form),
  ];
  const codes = Object.entries(spec.exits)
    .map(([exit, text]) => ({ code: codeOf(exit as Exit, spec.codes), text }))
    .toSorted((a, b) => a.code - b.code)
    .map(({ code, text }) => `- **${code}** ${text}`);
  return [
    '',
    `## sluice ${spec.name}`,
    '',
    `\`${usage.join(' ')}\``,
    '',
    spec.description,
    ...(spec.args.length === 0 ? [] : ['', ...spec.args.map(({ form, text }) => `- \`${form}\` ${text}`)]),
    ...(spec.options.length === 0 ? [] : ['', optionTable(spec.options)]),
    '',
    '```sh',
    ...spec.examples.map(({ line, text }) => (text === '' ? line : `${line}  # ${text}`)),
    '```',
    ...(codes.length === 0 ? [] : ['', 'Exit codes:', '', ...codes]),
  ];
}

function optionTable(options: readonly OptionSpec[]): string {
  return markdownTable(
    ['Option', 'Meaning', 'Environment', 'Default'],
    options.map(({ form, text, env, default: standard }) => [
      `\`${form}\``,
      text,
      env === undefined ? '' : `\`${env}\``,
      standard === undefined ? '' : `\`${standard}\``,
    ]),
  );
}

if (import.meta.main) writeFileSync(cliPage, cliReference());
