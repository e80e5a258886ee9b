import type { CommandSpec } from '../spec.ts';
import { backendNames } from './options.ts';

export const run: CommandSpec = {
  name: 'run',
  summary: 'the daemon: keep the kernel at what the policy says',
  description:
    'Runs in the foreground until SIGTERM, SIGINT or `sluice down`. Follows the engine, holds new containers before ' +
    'their first instruction, repairs rules that others change, and answers the other commands over the control ' +
    'socket. Loads the policy at its start, on SIGHUP and on `apply`. When it ends, however it ends, the rules stay.',
  args: [],
  options: [
    { form: '--watch', text: 'load the policy at every change of its files, too' },
    {
      form: '--backend <name>',
      text: `hold it with ${backendNames}, and take over from another without a gap; left out, it stays in what it is in`,
    },
  ],
  examples: [
    { line: 'sudo sluice run', text: '' },
    { line: 'sudo sluice run --watch', text: 'what you save is in force, when it is good' },
  ],
  exits: { ok: 'It was told to end.', unable: 'It could not begin: no policy, another daemon, not root.' },
  load: async () => (await import('../commands/run.ts')).run,
};

export const status: CommandSpec = {
  name: 'status',
  summary: 'whether the policy is held, and what is in its way',
  description:
    'Says in its first line whether the policy is enforced; then what is in force per project and service and since ' +
    'when, which containers no policy names, what was refused or repaired, and whether the files say something else.',
  args: [],
  options: [],
  examples: [
    { line: 'sudo sluice status', text: '' },
    { line: 'sudo sluice status --json', text: 'for monitoring; the exit code says the most of it' },
  ],
  exits: {
    ok: 'The daemon runs and holds the policy, enforcing or auditing as it says.',
    degraded: 'The daemon runs, and something is not as it should be: the lines say what.',
    denying: 'The daemon runs without a policy it could hold: nothing leaves a Docker bridge.',
    unattended:
      'No daemon runs. The rules stand, and new containers on held bridges are denied (on docker0 with `build: deny` only).',
    open: 'No daemon runs, and nothing of Sluice is in the kernel.',
  },
  load: async () => (await import('../commands/status.ts')).status,
};

export const down: CommandSpec = {
  name: 'down',
  summary: 'stop the daemon and remove everything Sluice put into the kernel',
  description:
    "Stops the daemon, takes Sluice's own tables, chains and sets out of the kernel and forgets what was applied. Docker's rules, yours " +
    'and the policy files stay as they are. Containers may then send what Docker lets them.',
  args: [],
  options: [],
  examples: [{ line: 'sudo sluice down', text: '' }],
  exits: { ok: 'Nothing of ours is in the kernel, whether or not anything was.' },
  load: async () => (await import('../commands/down.ts')).down,
};
