import { CliError } from './error.ts';
import { FileError, type Ports } from './ports.ts';

/**
 * The text of a file, or of standard input ("-").
 *
 * @param limit bytes
 * @throws CliError where it cannot be read
 */
export async function readInput(ports: Ports, file: string, limit: number): Promise<string> {
  if (file === '-') return ports.input(limit);
  try {
    return (await ports.files.read(file, limit)).text;
  } catch (error) {
    if (error instanceof FileError) throw new CliError('unable', error.message, undefined, error);
    throw error;
  }
}

/** @throws CliError (usage) where both are to be read from standard input */
export function checkInputs(listing: string | undefined, world: string | undefined): void {
  if (listing === '-' && world === '-')
    throw new CliError(
      'usage',
      '--listing and --world are both "-"',
      'standard input is one of them: put the other into a file',
    );
}
