import { type Answer, runCommand, type Spawning, type StartedCommand, startCommand } from '../host/command.ts';

/** Runs one of the commands; null when it is not on this host. The real one is {@link hostCommand}. */
export type RunCommand = (program: string, args: readonly string[], input?: string) => Promise<Answer | null>;

/** A command of iptables, ipset or ebtables did not do what it was asked for; the message is its own, where it said one. */
export class XtablesError extends Error {
  override readonly name = 'XtablesError';
}

/** Milliseconds: rules for a thousand workloads take iptables some seconds, on a busy machine many. */
const slowest = 180_000;

/**
 * Commands of the host.
 *
 * @throws XtablesError when one is there and could not be run
 */
export const hostCommand: RunCommand = (program, args, input = '') =>
  runCommand(program, args, { input, slowest, failure: XtablesError });

/** Starts one of the commands, which then waits for its input. */
export type StartCommand = (program: string, args: readonly string[]) => StartedCommand;

/** Those of the host, for whoever wants to know their processes: {@link Spawning.onSpawn}. */
export function commandStarter(onSpawn: NonNullable<Spawning['onSpawn']>): StartCommand {
  return (program, args) => startCommand(program, args, { slowest, onSpawn, failure: XtablesError });
}

/**
 * Runs a command and insists on success; its output.
 *
 * @throws XtablesError when it is not on this host, refuses, crashes or is killed
 */
export async function must(run: RunCommand, program: string, args: readonly string[], input?: string): Promise<string> {
  const answer = await run(program, args, input);
  if (answer === null) throw new XtablesError(`${program} is not installed on this host`);
  if (answer.code === 0) return answer.stdout;
  const said = answer.stderr.trim().split('\n').slice(0, 3).join(' · ');
  throw new XtablesError(
    answer.signal === null
      ? `${program} refused: ${withLine(said, input)}`
      : answer.signal === 'SIGKILL'
        ? `${program} was killed: by somebody, for want of memory, or by us after ${slowest / 60_000} minutes`
        : `${program} crashed (${answer.signal})`,
  );
}

/** The restore commands name a line of their input; whoever reads the message wants to see it. */
function withLine(said: string, input: string | undefined): string {
  const line = Number(/line:? (\d+)/.exec(said)?.[1]);
  const text = input?.split('\n')[line - 1];
  return text === undefined ? said : `${said} (${text.slice(0, 300)})`;
}
