import type { CommandSpec } from '../spec.ts';
import { backendNames } from './options.ts';

export const plan: CommandSpec = {
  name: 'plan',
  summary: 'what applying the policy would change, and whom it would cut off',
  description:
    'Reads the policy and the engine and says in words what would change for each container, what the policy says ' +
    'otherwise of what does not run, and which live connections would be cut, with their age where the kernel keeps ' +
    'it (net.netfilter.nf_conntrack_timestamp). Changes nothing.',
  args: [],
  options: [],
  examples: [{ line: 'sudo sluice plan', text: '' }],
  exits: {
    ok: 'Nothing would change.',
    no: 'An error: in the policy, on the command line, or it could not be found out.',
    changes: 'Something would change.',
  },
  codes: { usage: 1, unable: 1, bug: 1 },
  load: async () => (await import('../commands/plan.ts')).plan,
};

export const apply: CommandSpec = {
  name: 'apply',
  summary: 'make the kernel hold the policy',
  description:
    'Reads the policy and the engine, changes the kernel (in one transaction with nftables), ends live connections that are now ' +
    'forbidden, and says in words what changed for each container. With any error nothing changes. Where the daemon ' +
    'runs, it does it and keeps it true, with the backend that is asked for. With --confirm a process of its own takes ' +
    'the change of policy back when nobody confirms it, whatever becomes of this shell, its terminal and the daemon; ' +
    'the backend stays.',
  args: [],
  options: [
    {
      form: '--confirm <time>',
      text: 'go back by itself unless `sluice confirm` comes in time: 10s to 1h, such as 60s or 5m',
    },
    {
      form: '--backend <name>',
      text: `hold it with ${backendNames}, and take over from another without a gap; that never goes back by itself; left out, it stays in what it is in, at first nftables, or iptables on a host without nft`,
    },
    { form: '--dry-run', text: 'say what would change, and change nothing' },
    { form: '--rules', text: 'print the rules as text as well' },
  ],
  examples: [
    { line: 'sluice apply --dry-run', text: 'what would change' },
    { line: 'sluice apply', text: 'change it' },
    { line: 'sluice apply --confirm 60s', text: 'change it back in a minute, unless you confirm' },
    { line: 'sluice apply --dry-run --rules', text: 'the rules, to read them first' },
  ],
  exits: {
    ok: 'The kernel holds the policy (or would, with --dry-run).',
    no: 'The policy has errors, or a container that it enforces cannot be held. Nothing was changed.',
  },
  load: async () => (await import('../commands/apply.ts')).apply,
};

export const confirm: CommandSpec = {
  name: 'confirm',
  summary: 'keep what `apply --confirm` put in force',
  description: 'From any shell. Without it the change goes back when its time is up.',
  args: [],
  options: [],
  examples: [{ line: 'sudo sluice confirm', text: '' }],
  exits: { ok: 'The change stays.', no: 'Nothing waits to be confirmed, or the time was up already.' },
  load: async () => (await import('../commands/confirm.ts')).confirm,
};

export const rollback: CommandSpec = {
  name: 'rollback',
  summary: 'go back to the policy before',
  description:
    'Puts the policy that was in force before in force again, from what is remembered, whatever the files say, with ' +
    'the backend that holds now. It stays so over restarts: the files are not loaded again by themselves until they change.',
  args: [],
  options: [],
  examples: [{ line: 'sudo sluice rollback', text: '' }],
  exits: { ok: 'The policy before is in force.', no: 'There is no policy before this one. Nothing was changed.' },
  load: async () => (await import('../commands/rollback.ts')).rollback,
};
