import type { CommandSpec } from '../spec.ts';

export const completion: CommandSpec = {
  name: 'completion',
  summary: 'print a completion script for your shell',
  description: 'Prints a script that completes commands, options and files.',
  args: [{ form: '<shell>', text: 'bash, zsh or fish', completes: ['bash', 'zsh', 'fish'] }],
  options: [],
  examples: [
    { line: 'sluice completion bash > /etc/bash_completion.d/sluice', text: 'bash' },
    { line: 'sluice completion zsh > "${fpath[1]}/_sluice"', text: 'zsh' },
    { line: 'sluice completion fish > ~/.config/fish/completions/sluice.fish', text: 'fish' },
  ],
  exits: {},
  load: async () => (await import('../commands/completion.ts')).completion,
};

export const version: CommandSpec = {
  name: 'version',
  summary: 'the version; with --verbose also of what it runs on',
  description: 'Prints the version. With --verbose also those of Node, the kernel, the engine and nft.',
  args: [],
  options: [{ form: '--verbose', text: 'with Node, kernel, engine and nft' }],
  examples: [{ line: 'sluice version --verbose', text: 'for a bug report' }],
  exits: {},
  load: async () => (await import('../commands/version.ts')).version,
};
