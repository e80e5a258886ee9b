/** Every way a command can end, and what to do then. docs/cli.md and docs/operations.md are made from this table. */
export const exits = {
  ok: {
    code: 0,
    means: 'Done, or the answer is yes: the policy is good, the packet passes, the tests hold.',
    next: 'Nothing.',
  },
  no: {
    code: 1,
    means: 'The answer is no: the policy has errors, the packet is denied, a test fails, a container cannot be held.',
    next: 'What the output names: each line has the mend. Nothing was changed.',
  },
  usage: {
    code: 2,
    means: 'The command line makes no sense: unknown command or option, an argument that cannot be read.',
    next: '`sluice COMMAND --help`.',
  },
  unable: {
    code: 3,
    means: 'It could not be done or found out: no engine, no nft, not root, a file that cannot be read.',
    next: 'The message names what is missing and how to get it.',
  },
  bug: {
    code: 4,
    means: 'Sluice itself failed, which is a bug. --debug shows where.',
    next: '`sluice status` tells what stands. Again with `--debug`, and report it with `sluice version --verbose`.',
  },
  degraded: {
    code: 5,
    means: 'Of `status`: the daemon runs, and something is not as it should be.',
    next: 'The lines of `status` name it; [by code](#each-trouble).',
  },
  denying: {
    code: 6,
    means: 'Of `status`: no policy can be held, so nothing leaves a Docker bridge.',
    next: '`sluice check`, mend, `sluice apply`.',
  },
  unattended: {
    code: 7,
    means: 'Of `status`: no daemon runs; the rules stand, and nobody keeps them true.',
    next: '`systemctl start sluice`, or `sluice run`.',
  },
  open: {
    code: 8,
    means: 'Of `status`: no daemon runs, and no rules of ours stand.',
    next: 'The same, at once: containers send what Docker lets them.',
  },
  weakened: {
    code: 9,
    means: 'Of `doctor`: something weakens enforcement, and nothing of it is critical.',
    next: 'Each finding has the command or compose line that mends it; [all of them](doctor.md).',
  },
  depends: {
    code: 10,
    means: 'Of `explain --path`: it depends on what cannot be told from the rules.',
    next: 'Again as root, on the host, with `--live`.',
  },
  changes: { code: 2, means: 'Of `plan`: something would change.', next: 'Read it, then `sluice apply`.' },
} as const satisfies Readonly<Record<string, { readonly code: number; readonly means: string; readonly next: string }>>;

export type Exit = keyof typeof exits;

/** Exit codes of one command that are not the table's. */
export type OwnCodes = Partial<Readonly<Record<Exit, number>>>;

/** The number that a command ends with: its own for this exit, else the table's. */
export function codeOf(exit: Exit, own: OwnCodes | undefined): number {
  return own?.[exit] ?? exits[exit].code;
}
