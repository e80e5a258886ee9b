import { Argument, Command, Option } from 'commander';
import { Given } from './given.ts';
import { helpLayout, notes } from './help.ts';
import type { CommandSpec, OptionSpec } from './spec.ts';
import { commandSpecs, globalOptions } from './specs.ts';

/** Runs a command that the command line named. */
export type Dispatch = (spec: CommandSpec, given: Given, globals: Given) => Promise<void>;

export interface ProgramOutput {
  readonly write: (text: string) => void;
  readonly width: number;
}

/** The parser of the whole command line, made of the specs. It throws a CommanderError instead of ending the process. */
export function buildProgram(version: string, output: ProgramOutput, dispatch: Dispatch): Command {
  const program = new Command('sluice')
    .description('The outbound firewall for Docker Compose: decides what containers may send.')
    .usage('<command> [options]')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .addHelpText('after', 'The way in: a policy, `sluice check`, `sluice apply --dry-run`, `sluice apply`.')
    .exitOverride()
    .configureHelp(helpLayout)
    .configureOutput({
      writeOut: output.write,
      writeErr: output.write,
      outputError: () => {}, // whoever catches the error shows it
      getOutHelpWidth: () => output.width,
      getErrHelpWidth: () => output.width,
    });
  for (const option of globalOptions) program.addOption(optionOf(option));
  for (const spec of commandSpecs) addCommand(program, spec, output.width, dispatch);
  return program;
}

function addCommand(program: Command, spec: CommandSpec, width: number, dispatch: Dispatch): void {
  const command = program
    .command(spec.name)
    .summary(spec.summary)
    .description(spec.description)
    .helpOption('-h, --help', 'show help')
    .addHelpText('after', notes(spec, width));
  for (const { form, text } of spec.args) command.addArgument(new Argument(form, text));
  for (const option of spec.options) command.addOption(optionOf(option));
  command.action(async () => {
    await dispatch(spec, new Given(command.processedArgs, command.opts()), new Given([], program.opts()));
  });
}

function optionOf({ form, text, env, default: standard }: OptionSpec): Option {
  const facts = [
    ...(env === undefined ? [] : [`env ${env}`]),
    ...(standard === undefined ? [] : [`default ${standard}`]),
  ];
  return new Option(form, facts.length === 0 ? text : `${text} (${facts.join(', ')})`);
}
