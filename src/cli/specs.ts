import type { CommandSpec, OptionSpec } from './spec.ts';

const worldOption: OptionSpec = {
  form: '--world <file>',
  text: 'use a world that `sluice world` printed; needs neither root nor an engine ("-": standard input)',
  completes: 'file',
};

/** Options that every command takes, before or after its name. */
export const globalOptions: readonly OptionSpec[] = [
  {
    form: '--config <path>',
    text: 'the policy file; policy.d/*.yaml beside it belongs to it',
    env: 'SLUICE_CONFIG',
    default: '/etc/sluice/policy.yaml',
    completes: 'file',
  },
  {
    form: '--state <dir>',
    text: 'where what was applied is remembered',
    env: 'SLUICE_STATE',
    default: '/var/lib/sluice',
    completes: 'directory',
  },
  {
    form: '--socket <path>',
    text: 'control socket of the daemon',
    env: 'SLUICE_SOCKET',
    default: '/run/sluice/sluice.sock',
    completes: 'file',
  },
  {
    form: '--host <address>',
    text: 'the Docker engine; left out, it is found as the docker client finds it',
    env: 'SLUICE_HOST',
  },
  { form: '--json', text: 'print the result as JSON, everything the text says' },
  { form: '--no-color', text: 'no colours (as does NO_COLOR in the environment)' },
  { form: '--debug', text: 'show where an error came from' },
];

export const commandSpecs: readonly CommandSpec[] = [
  {
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
    load: async () => (await import('./commands/check.ts')).check,
  },
  {
    name: 'apply',
    summary: 'make the kernel hold the policy',
    description:
      'Reads the policy and the engine, changes the kernel in one transaction, ends live connections that are now ' +
      'forbidden, and says in words what changed for each container. With any error nothing changes.',
    args: [],
    options: [
      { form: '--dry-run', text: 'say what would change, and change nothing' },
      { form: '--rules', text: 'print the rules as nft text as well' },
    ],
    examples: [
      { line: 'sluice apply --dry-run', text: 'what would change' },
      { line: 'sluice apply', text: 'change it' },
      { line: 'sluice apply --dry-run --rules', text: 'the rules, to read them first' },
    ],
    exits: {
      ok: 'The kernel holds the policy (or would, with --dry-run).',
      no: 'The policy has errors, or a container that it enforces cannot be held. Nothing was changed.',
    },
    load: async () => (await import('./commands/apply.ts')).apply,
  },
  {
    name: 'ps',
    summary: 'containers, how each is held, and what it may reach',
    description:
      'Lists containers with project, service, addresses, mode and what they may reach under the policy as it is ' +
      'written now, and those that cannot be held, with the reason.',
    args: [],
    options: [{ form: '--all', text: 'containers that do not run as well' }, worldOption],
    examples: [
      { line: 'sluice ps', text: 'all running containers' },
      { line: 'sluice ps --json', text: 'for scripts' },
    ],
    exits: { no: 'The policy has errors, or a container that it enforces cannot be held.' },
    load: async () => (await import('./commands/ps.ts')).ps,
  },
  {
    name: 'explain',
    summary: 'why a container may or may not reach a destination',
    description:
      'Takes one packet through the policy and shows each step with its file and line, what decided, and how to ' +
      'change it. On the live host, or on a saved world.',
    args: [
      { form: '<from>', text: 'PROJECT/SERVICE, container/NAME, or the name of a container' },
      {
        form: '<to>',
        text: 'a destination as in a policy: 192.168.5.5:22, host:53/udp, service/db:5432; or as in FROM, app/db:5432',
      },
    ],
    options: [
      worldOption,
      { form: '--network <name>', text: 'leave through this network, for a container on several' },
    ],
    examples: [
      { line: 'sluice explain app/app 192.168.5.5:22', text: 'tcp is meant where only a port is written' },
      { line: 'sluice explain app/app "[2001:db8::1]:443"', text: 'IPv6 in brackets' },
      { line: 'sluice explain app/app internet:443 --world w.json', text: 'without root, without an engine' },
    ],
    exits: {
      ok: 'The packet passes: allowed, or audited.',
      no: 'The packet is denied, or part of what was asked is.',
    },
    load: async () => (await import('./commands/explain.ts')).explain,
  },
  {
    name: 'world',
    summary: 'the engine and the host as Sluice sees them, as JSON',
    description:
      'Prints networks, containers, addresses and interfaces: all that compiling a policy needs. `explain --world` and ' +
      '`ps --world` read it, on this machine or another. Labels are in it: look before you share it.',
    args: [],
    options: [],
    examples: [{ line: 'sluice world > world.json', text: 'save it' }],
    exits: {},
    load: async () => (await import('./commands/world.ts')).world,
  },
  {
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
    load: async () => (await import('./commands/test.ts')).test,
  },
  {
    name: 'down',
    summary: 'remove everything Sluice put into the kernel',
    description:
      "Takes Sluice's own tables out of the kernel and forgets what was applied. Docker's rules, yours and the policy " +
      'files stay as they are. Containers may then send what Docker lets them.',
    args: [],
    options: [],
    examples: [{ line: 'sudo sluice down', text: '' }],
    exits: { ok: 'Nothing of ours is in the kernel, whether or not anything was.' },
    load: async () => (await import('./commands/down.ts')).down,
  },
  {
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
    load: async () => (await import('./commands/completion.ts')).completion,
  },
  {
    name: 'version',
    summary: 'the version; with --verbose also of what it runs on',
    description: 'Prints the version. With --verbose also those of Node, the kernel, the engine and nft.',
    args: [],
    options: [{ form: '--verbose', text: 'with Node, kernel, engine and nft' }],
    examples: [{ line: 'sluice version --verbose', text: 'for a bug report' }],
    exits: {},
    load: async () => (await import('./commands/version.ts')).version,
  },
];
