import type { Exit } from './exit.ts';

/** An end that was foreseen: what is wrong, what to do next, and how the process ends. Never shows a stack trace. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exit: Exit;
  /** The next step, as an instruction. */
  readonly next: string | undefined;

  constructor(exit: Exit, message: string, next?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exit = exit;
    this.next = next;
  }
}

/** Names of the error classes of our own parts whose messages are written for people. */
const told: ReadonlySet<string> = new Set([
  'NftError',
  'EngineError',
  'NetlinkError',
  'XtablesError',
  'NotHeldError',
  'BridgeNetfilterError',
  'EngineSettingsError',
  'ListingError',
  'FileError',
  'HostRulesError',
  'StateError',
  'ControlError',
  'NoPolicyError',
  'HostRulesError',
  'TooLargeError',
]);

/** Any error as a {@link CliError}: errors of our parts and of the system mean "could not", all others are bugs. */
export function asCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (!(error instanceof Error)) return new CliError('bug', `something threw ${String(error)}`, undefined, error);
  const foreseen = told.has(error.name) || ('syscall' in error && 'code' in error);
  if (foreseen) return new CliError('unable', error.message, undefined, error);
  return new CliError(
    'bug',
    error.message,
    'This is a bug in Sluice: please report it, with the output of --debug.',
    error,
  );
}
