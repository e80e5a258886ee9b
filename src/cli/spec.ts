import type { Context } from './context.ts';
import type { Exit, OwnCodes } from './exit.ts';
import type { Given } from './given.ts';

/** One command as data: parsing, help, docs/cli.md and shell completion are all made from it. */
export interface CommandSpec {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** A paragraph, for its own help. */
  readonly description: string;
  readonly args: readonly ArgSpec[];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly Example[];
  /** What the exit codes mean for this command, where that is more than the table says. */
  readonly exits: Partial<Readonly<Record<Exit, string>>>;
  /** Exit codes that are not the table's. */
  readonly codes?: OwnCodes;
  /** Loads the command when it runs, so that nobody pays for what others need. */
  readonly load: () => Promise<Command>;
}

export type Command = (context: Context, given: Given) => Promise<Exit>;

export interface ArgSpec {
  /** `<from>`, `[file...]`. */
  readonly form: string;
  readonly text: string;
  readonly completes?: 'file' | readonly string[];
}

export interface OptionSpec {
  /** `--world <file>`. */
  readonly form: string;
  readonly text: string;
  readonly env?: string;
  readonly default?: string;
  readonly completes?: 'file' | 'directory';
}

export interface Example {
  readonly line: string;
  readonly text: string;
}
