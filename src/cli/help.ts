import type { Command, Help, HelpConfiguration } from 'commander';
import { codeOf, type Exit, exits } from './exit.ts';
import type { CommandSpec } from './spec.ts';
import { wrap } from './text.ts';

/** How help is laid out: what one can do first, options that every command has last. */
export const helpLayout: HelpConfiguration = {
  showGlobalOptions: true,
  subcommandTerm: (command) =>
    [command.name(), ...command.registeredArguments.map((argument) => written(argument))].join(' '),
  formatHelp,
};

function written(argument: Command['registeredArguments'][number]): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function formatHelp(command: Command, help: Help): string {
  const pad = help.padWidth(command, help);
  const item = (term: string, text: string) => help.formatItem(term, pad, text, help);
  const section = (title: string, items: readonly string[]) => (items.length === 0 ? [] : [title, ...items, '']);
  const options = help.visibleOptions(command).map((one) => item(help.optionTerm(one), help.optionDescription(one)));
  const globals = help
    .visibleGlobalOptions(command)
    .filter((option) => option.long !== '--version')
    .map((one) => item(help.optionTerm(one), help.optionDescription(one)));
  return [
    `Usage: ${help.commandUsage(command)}`,
    '',
    ...wrap(help.commandDescription(command), help.helpWidth ?? 80),
    '',
    ...section(
      'Commands:',
      help.visibleCommands(command).map((one) => item(help.subcommandTerm(one), help.subcommandDescription(one))),
    ),
    ...section(
      'Arguments:',
      help.visibleArguments(command).map((one) => item(help.argumentTerm(one), help.argumentDescription(one))),
    ),
    ...section('Options:', options),
    ...section('Options of every command:', globals),
    '',
  ].join('\n');
}

/** What stands below a command's options: examples and exit codes. */
export function notes(spec: CommandSpec, width: number): string {
  const widest = Math.max(...spec.examples.map(({ line }) => line.length));
  const examples = spec.examples.map(({ line, text }) =>
    text === '' || widest + text.length + 4 > width ? `  ${line}` : `  ${line.padEnd(widest)}  ${text}`,
  );
  const codes = exitLines(spec).flatMap(({ code, means }) =>
    wrap(means, width - 5).map((line, index) => (index === 0 ? `  ${code}  ${line}` : `     ${line}`)),
  );
  return ['Examples:', ...examples, '', 'Exit codes:', ...codes].join('\n');
}

/** The exit codes of one command: its own words where it has them, the table's for the rest. */
export function exitLines(spec: CommandSpec): readonly { readonly code: number; readonly means: string }[] {
  const always: readonly Exit[] = ['ok', 'usage', 'unable'];
  const lines = new Map<number, string>();
  for (const exit of Object.keys(exits) as Exit[]) {
    if (!always.includes(exit) && spec.exits[exit] === undefined) continue;
    const code = codeOf(exit, spec.codes);
    const means = spec.exits[exit];
    // two ways to end with the same code are told in the words that the command has for one of them
    if (means !== undefined || !lines.has(code)) lines.set(code, means ?? exits[exit].means);
  }
  return [...lines].map(([code, means]) => ({ code, means })).toSorted((a, b) => a.code - b.code);
}
