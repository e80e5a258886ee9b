import type { CommandSpec, OptionSpec } from '../spec.ts';

/** `--world` of `--world <file>`. */
export function optionWord({ form }: Pick<OptionSpec, 'form'>): string {
  return form.split(' ')[0] ?? form;
}

/** Whether a word follows the option: `--policy <file>`. */
export function takesValue({ form }: Pick<OptionSpec, 'form'>): boolean {
  return form.includes('<');
}

/** What a command's first argument completes to. */
export function argumentCompletes(spec: CommandSpec): 'file' | readonly string[] | undefined {
  return spec.args.find(({ completes }) => completes !== undefined)?.completes;
}

/** Options that every program has, beside the specs'. */
export const helpOption: OptionSpec = { form: '--help', text: 'show help' };
export const versionOption: OptionSpec = { form: '--version', text: 'print the version' };
