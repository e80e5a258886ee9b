/** Every way a command can end. docs/cli.md is made from this table. */
export const exits = {
  ok: { code: 0, means: 'Done, or the answer is yes: the policy is good, the packet passes, the tests hold.' },
  no: {
    code: 1,
    means: 'The answer is no: the policy has errors, the packet is denied, a test fails, a container cannot be held.',
  },
  usage: {
    code: 2,
    means: 'The command line makes no sense: unknown command or option, an argument that cannot be read.',
  },
  unable: {
    code: 3,
    means: 'It could not be done or found out: no engine, no nft, not root, a file that cannot be read.',
  },
  bug: { code: 4, means: 'Sluice itself failed, which is a bug. --debug shows where.' },
  degraded: { code: 5, means: 'Of `status`: the daemon runs, and something is not as it should be.' },
  denying: { code: 6, means: 'Of `status`: no policy can be held, so nothing leaves a Docker bridge.' },
  unattended: { code: 7, means: 'Of `status`: no daemon runs; the rules stand, and nobody keeps them true.' },
  open: { code: 8, means: 'Of `status`: no daemon runs, and no rules of ours stand.' },
  weakened: { code: 9, means: 'Of `doctor`: something weakens enforcement, and nothing of it is critical.' },
  depends: { code: 10, means: 'Of `explain --path`: it depends on what cannot be told from the rules.' },
  changes: { code: 2, means: 'Of `plan`: something would change.' },
} as const satisfies Readonly<Record<string, { readonly code: number; readonly means: string }>>;

export type Exit = keyof typeof exits;

/** Exit codes of one command that are not the table's. */
export type OwnCodes = Partial<Readonly<Record<Exit, number>>>;

export function codeOf(exit: Exit, own: OwnCodes | undefined): number {
  return own?.[exit] ?? exits[exit].code;
}
