import type { CommandSpec } from '../spec.ts';
import { worldOption } from './options.ts';

export const check: CommandSpec = {
  name: 'check',
  summary: 'read the policy, say what is wrong with it, run its tests',
  description:
    'Reads the policy file, its policy.d and the compose files it lists, reports every error and warning with its ' +
    'place and its fix, and runs the tests in it. Needs neither root nor an engine, and changes nothing.',
  args: [
    {
      form: '[file...]',
      text:
        'what to read instead of the configured policy: one FILE brings its policy.d and compose files; of several, ' +
        'the first is the policy file, and those named like compose files are read as such',
      completes: 'file',
    },
  ],
  options: [{ form: '--schema', text: 'print the JSON Schema of policy files, for editors, and stop' }],
  examples: [
    { line: 'sluice check', text: 'the configured policy' },
    { line: 'sluice check policy.yaml', text: 'before you install it; good in CI' },
    { line: 'sluice check --schema > policy.schema.json', text: 'completion in your editor' },
  ],
  exits: { ok: 'The policy is good; there may be warnings.', no: 'The policy has errors or a failing test.' },
  load: async () => (await import('../commands/check.ts')).check,
};

export const test: CommandSpec = {
  name: 'test',
  summary: "run the policy's tests, with --live by real packets",
  description:
    'Runs the `tests` of the policy. With --live it also sends a packet per entry from inside the network namespace ' +
    "of each running container it names, reads the verdict from the kernel's own trace, and says where the kernel and " +
    'the policy differ. The containers notice nothing; the packets are real.',
  args: [],
  options: [{ form: '--live', text: 'send real packets and trace them (root)' }],
  examples: [
    { line: 'sluice test', text: 'by the evaluator alone' },
    { line: 'sudo sluice test --live', text: 'by the kernel' },
  ],
  exits: {
    ok: 'Every test holds, and with --live the kernel agrees in every probe.',
    no: 'A test fails, the kernel differs, or a probe was not seen, which proves nothing.',
  },
  load: async () => (await import('../commands/test.ts')).test,
};

export const render: CommandSpec = {
  name: 'render',
  summary: 'the policy as files that work without Sluice installed',
  description:
    "Writes the policy as static rules: a drop-in of systemd's for docker.service, made of iptables commands, a shell " +
    'script, files for iptables-restore, or one for nft. They go by subnets and fixed addresses. What they cannot say ' +
    'is denied, with a note at its place in the file and a warning here, and with the lines for a compose file that ' +
    'would mend it. Projects that are down are taken from the compose files that the policy lists. Changes nothing ' +
    'in the kernel.',
  args: [],
  options: [
    { form: '--as <form>', text: 'systemd-dropin, iptables-script, iptables-restore or nft' },
    {
      form: '--output <dir>',
      text: 'write the files there, with the one that takes the rules away; for systemd-dropin /etc/systemd/system',
      completes: 'directory',
    },
    { form: '--reverse', text: 'what takes the rules away again, instead' },
    worldOption,
  ],
  examples: [
    { line: 'sluice render --as systemd-dropin', text: 'read it first' },
    {
      line: 'sudo sluice render --as systemd-dropin --output /etc/systemd/system',
      text: 'then "systemctl daemon-reload"',
    },
    { line: 'sluice render --as nft --world world.json > docker-outbound.nft', text: 'for another machine' },
    { line: 'sluice render --as iptables-script --reverse | sudo sh', text: 'take it away' },
  ],
  exits: {
    ok: 'It was written; warnings may say what could not be.',
    no: 'The policy has errors, or nothing it names is known here. Nothing was written.',
  },
  load: async () => (await import('../commands/render.ts')).render,
};
