import { bashCompletion } from '../completion/bash.ts';
import { fishCompletion } from '../completion/fish.ts';
import { zshCompletion } from '../completion/zsh.ts';
import type { Context } from '../context.ts';
import { CliError } from '../error.ts';
import type { Exit } from '../exit.ts';
import type { Given } from '../given.ts';
import { commandSpecs, globalOptions } from '../specs.ts';

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

/** `sluice completion SHELL`: a script made of the same specs as the parser. */
export async function completion({ screen }: Context, given: Given): Promise<Exit> {
  const shell = given.argument(0);
  if (!isShell(shell)) throw new CliError('usage', `there is no completion for "${shell}"`, 'choose bash, zsh or fish');
  screen.raw(shells[shell](commandSpecs, globalOptions));
  return 'ok';
}

function isShell(text: string): text is keyof typeof shells {
  return Object.hasOwn(shells, text);
}
