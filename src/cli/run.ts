import { CommanderError } from 'commander';
import type { Context, Settings } from './context.ts';
import { asCliError, CliError } from './error.ts';
import { codeOf, type Exit } from './exit.ts';
import type { Given } from './given.ts';
import type { Ports } from './ports.ts';
import { buildProgram } from './program.ts';
import { screenOn } from './screen.ts';
import type { CommandSpec } from './spec.ts';
import { commandSpecs, globalOptions } from './specs.ts';
import { safe } from './text.ts';
import { versionLine } from './version-line.ts';
import { widthOf } from './view.ts';

/**
 * Runs one command line, the program's name and Node's left out.
 *
 * @returns the process's exit code; it never throws
 */
export async function run(argv: readonly string[], ports: Ports): Promise<number> {
  let exit: Exit = 'ok';
  let named = commandNamed(argv);
  let debug = argv.includes('--debug');
  const width = widthOf(ports.out, ports.env);
  const output = { write: ports.out.write.bind(ports.out), width: Number.isFinite(width) ? Math.min(width, 100) : 80 };
  const program = buildProgram(versionLine(ports.versions), output, async (spec, given, globals) => {
    named = spec;
    const settings = settingsOf(globals, ports.env);
    debug = settings.debug;
    const screen = screenOn(ports, { json: settings.json, colour: !colourRefused(globals) });
    const context: Context = { settings, ports, screen };
    const command = await spec.load();
    exit = await command(context, given);
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    const failure = error instanceof CommanderError ? usageError(error, argv) : asCliError(error);
    if (failure === null) return codeOf('ok', undefined);
    const code = codeOf(failure.exit, named?.codes);
    showFailure(failure, code, ports, argv.includes('--json'), argv.includes('--no-color'), debug);
    return code;
  }
  return codeOf(exit, named?.codes);
}

/** The command that a line names which makes no sense otherwise. */
function commandNamed(argv: readonly string[]): CommandSpec | undefined {
  return commandSpecs.find(({ name }) => argv.includes(name));
}

/** `--no-color` is stored as `color: false`. */
function colourRefused(globals: Given): boolean {
  return !globals.flag('color');
}

function settingsOf(globals: Given, env: Ports['env']): Settings {
  const value = (name: string): string | undefined => {
    const spec = globalOptions.find(({ form }) => form.startsWith(`--${name} `));
    const given = globals.text(name);
    if (given === '') throw new CliError('usage', `--${name} is empty`, `name one, or leave the option out`);
    return given ?? (spec?.env === undefined ? undefined : env[spec.env] || undefined) ?? spec?.default;
  };
  const wanted = (name: string): string => value(name) ?? '';
  return {
    config: wanted('config'),
    state: wanted('state'),
    socket: wanted('socket'),
    host: value('host'),
    json: globals.flag('json'),
    debug: globals.flag('debug'),
  };
}

/** Commander's error in our words; null when it only ended after showing help or the version. */
function usageError(error: CommanderError, argv: readonly string[]): CliError | null {
  if (error.exitCode === 0 || error.code === 'commander.help') return null;
  const [message = '', hint] = error.message.replace(/^error: /, '').split('\n');
  const meant = hint === undefined ? '' : `; ${hint.replace(/^\((.*)\)$/, '$1').replace('Did', 'did')}`;
  const command = commandNamed(argv);
  const help = command === undefined ? 'sluice --help' : `sluice ${command.name} --help`;
  return new CliError('usage', `${message.replace(/\.$/, '')}${meant}`, `${help} shows what it takes`);
}

function showFailure(
  failure: CliError,
  code: number,
  ports: Ports,
  json: boolean,
  plain: boolean,
  debug: boolean,
): void {
  const { errors } = screenOn(ports, { json, colour: !plain });
  const lines = failure.message.split('\n').map(safe);
  const [first = '', ...more] = lines;
  ports.err.write(`${errors.paint.bad('error')}  ${first}\n`);
  for (const line of [...more, ...(failure.next?.split('\n').map(safe) ?? [])]) ports.err.write(`       ${line}\n`);
  if (debug) ports.err.write(`${safeTrace(failure)}\n`);
  if (json) {
    screenOn(ports, { json, colour: false }).show(
      { error: { kind: failure.exit, exitCode: code, message: failure.message, next: failure.next ?? null } },
      () => [],
    );
  }
}

function safeTrace(failure: CliError): string {
  const origin = failure.cause instanceof Error ? failure.cause : failure;
  return (origin.stack ?? String(origin)).split('\n').map(safe).join('\n');
}
