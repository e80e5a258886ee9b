import type { CommandSpec, OptionSpec } from '../spec.ts';
import { argumentCompletes, helpOption, optionWord, takesValue, versionOption } from './words.ts';

/** Completions for fish. */
export function fishCompletion(specs: readonly CommandSpec[], globals: readonly OptionSpec[]): string {
  const names = specs.map(({ name }) => name).join(' ');
  const first = `-n ${quoted(`not __fish_seen_subcommand_from ${names} help`)}`;
  return [
    '# fish completion for sluice; made by `sluice completion fish`',
    'complete -c sluice -f',
    ...[...globals, helpOption].map((option) => optionLine(option, '')),
    optionLine(versionOption, first),
    ...specs.map(({ name, summary }) => `complete -c sluice ${first} -a ${name} -d ${quoted(summary)}`),
    `complete -c sluice ${first} -a help -d 'show help for a command'`,
    `complete -c sluice -n '__fish_seen_subcommand_from help' -a ${quoted(names)}`,
    ...specs.flatMap(commandLines),
    '',
  ].join('\n');
}

function commandLines(spec: CommandSpec): readonly string[] {
  const when = `-n ${quoted(`__fish_seen_subcommand_from ${spec.name}`)}`;
  const completes = argumentCompletes(spec);
  const values = completes === undefined ? [] : completes === 'file' ? ['-F'] : [`-a ${quoted(completes.join(' '))}`];
  return [
    ...spec.options.map((option) => optionLine(option, when)),
    ...values.map((value) => `complete -c sluice ${when} ${value}`),
  ];
}

function optionLine(option: OptionSpec, when: string): string {
  const value = !takesValue(option)
    ? ''
    : option.completes === 'directory'
      ? "-x -a '(__fish_complete_directories)'"
      : option.completes === 'file'
        ? '-r -F'
        : '-x';
  return ['complete -c sluice', when, `-l ${optionWord(option).slice(2)}`, value, `-d ${quoted(option.text)}`]
    .filter((part) => part !== '')
    .join(' ');
}

/** Single quotes in fish know two escapes: \\\\ and \\'. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
