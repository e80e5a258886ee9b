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
        text:
          'hold it with nftables, iptables (the variant that has the chains of Docker), iptables-nft or iptables-legacy, and ' +
          'take over from another without a gap; left out, it stays in what it is in',
      },
    ],
    examples: [
      { line: 'sudo sluice run', text: '' },
      { line: 'sudo sluice run --watch', text: 'what you save is in force, when it is good' },
    ],
    exits: { ok: 'It was told to end.', unable: 'It could not begin: no policy, another daemon, not root.' },
    load: async () => (await import('./commands/run.ts')).run,
  },
  {
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
      unattended: 'No daemon runs. The rules stand, and new containers on held bridges are denied.',
      open: 'No daemon runs, and nothing of Sluice is in the kernel.',
    },
    load: async () => (await import('./commands/status.ts')).status,
  },
  {
    name: 'plan',
    summary: 'what applying the policy would change, and whom it would cut off',
    description:
      'Reads the policy and the engine and says in words what would change for each container, and which live ' +
      'connections would be cut, with their age where the kernel keeps it (net.netfilter.nf_conntrack_timestamp). ' +
      'Changes nothing.',
    args: [],
    options: [],
    examples: [{ line: 'sudo sluice plan', text: '' }],
    exits: {
      ok: 'Nothing would change.',
      no: 'An error: in the policy, on the command line, or it could not be found out.',
      changes: 'Something would change.',
    },
    codes: { usage: 1, unable: 1 },
    load: async () => (await import('./commands/plan.ts')).plan,
  },
  {
    name: 'apply',
    summary: 'make the kernel hold the policy',
    description:
      'Reads the policy and the engine, changes the kernel in one transaction, ends live connections that are now ' +
      'forbidden, and says in words what changed for each container. With any error nothing changes. Where the daemon ' +
      'runs, it does it and keeps it true. With --confirm a process of its own takes the change back when nobody ' +
      'confirms it, whatever becomes of this shell, its terminal and the daemon.',
    args: [],
    options: [
      {
        form: '--confirm <time>',
        text: 'go back by itself unless `sluice confirm` comes in time: 10s to 1h, such as 60s or 5m',
      },
      {
        form: '--backend <name>',
        text:
          'hold it with nftables, iptables (the variant that has the chains of Docker), iptables-nft or iptables-legacy; left ' +
          'out, it stays in what it is in, which is nftables at first',
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
    load: async () => (await import('./commands/apply.ts')).apply,
  },
  {
    name: 'confirm',
    summary: 'keep what `apply --confirm` put in force',
    description: 'From any shell. Without it the change goes back when its time is up.',
    args: [],
    options: [],
    examples: [{ line: 'sudo sluice confirm', text: '' }],
    exits: { ok: 'The change stays.', no: 'Nothing waits to be confirmed, or the time was up already.' },
    load: async () => (await import('./commands/confirm.ts')).confirm,
  },
  {
    name: 'rollback',
    summary: 'go back to the policy before',
    description:
      'Puts the policy that was in force before in force again, from what is remembered, whatever the files say. It ' +
      'stays so over restarts: the files are not loaded again by themselves until they change.',
    args: [],
    options: [],
    examples: [{ line: 'sudo sluice rollback', text: '' }],
    exits: { ok: 'The policy before is in force.', no: 'There is no policy before this one. Nothing was changed.' },
    load: async () => (await import('./commands/rollback.ts')).rollback,
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
    name: 'networks',
    summary: "the engine's networks: what their drivers mean, who is on them, what is held",
    description:
      "Lists the engine's networks with driver, subnets and bridge, who is on them, what a driver means for what leaves " +
      'there, and which of it is held: by the policy, where there is one. With NAME one of them in full: gateway, ' +
      'settings that matter, each container with its addresses, published ports and mode.',
    args: [{ form: '[name]', text: 'a network, by its name or the beginning of its id' }],
    options: [worldOption],
    examples: [
      { line: 'sluice networks', text: 'all of them' },
      { line: 'sluice networks app_default', text: 'one in full' },
    ],
    exits: { unable: 'There is no such network, or the engine does not answer.' },
    load: async () => (await import('./commands/networks.ts')).networks,
  },
  {
    name: 'doctor',
    summary: 'what weakens enforcement on this host, worst first, each with what mends it',
    description:
      'Looks at the host, its rules, the engine and the containers, and says what weakens enforcement: what was seen, why ' +
      'it matters, and the command or compose line that mends it. Only what is certain: nothing is guessed from a name. ' +
      'Changes nothing. Every finding has a code that stays; docs/doctor.md lists them. With --listing it says what can be ' +
      'told of any rules: of filters that are never reached.',
    args: [],
    options: [
      {
        form: '--listing <file>',
        text: 'look at these rules alone, as iptables-save, iptables -S or iptables -nvL print them ("-": standard input)',
        completes: 'file',
      },
    ],
    examples: [
      { line: 'sudo sluice doctor', text: '' },
      { line: 'sudo sluice doctor --json', text: 'for monitoring; the exit code is that of the worst finding' },
      { line: 'sluice doctor --listing rules.txt', text: "another host's rules; needs no root" },
    ],
    exits: {
      ok: 'Nothing was found, or notes alone.',
      no: 'Something critical was found.',
      unable: 'Nothing critical was found, and something could not be looked at.',
      weakened: 'There are warnings, and nothing critical.',
    },
    load: async () => (await import('./commands/doctor.ts')).doctor,
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
      {
        form: '--path',
        text: "through everybody's rules, table by table, not through the policy; FROM may be an address%interface, an interface, host or lan",
      },
      {
        form: '--listing <file>',
        text: 'with --path: not this host, but rules as iptables-save, iptables -nvL, nft, ipset save and ebtables-save print them',
        completes: 'file',
      },
      { form: '--live', text: "with --path: send the packet, and compare with the kernel's own trace (root)" },
      { form: '--all', text: 'with --path: every hook, and rules that only count' },
    ],
    examples: [
      { line: 'sluice explain app/app 192.168.5.5:22', text: 'tcp is meant where only a port is written' },
      { line: 'sluice explain app/app "[2001:db8::1]:443"', text: 'IPv6 in brackets' },
      { line: 'sluice explain app/app internet:443 --world w.json', text: 'without root, without an engine' },
      {
        line: 'sluice explain --path 172.17.0.2%docker0 192.168.5.5:22 --listing rules.txt',
        text: "which of a host's rules decides",
      },
      { line: 'sudo sluice explain --path --live app/app 192.168.5.5:22', text: 'and by a real packet' },
    ],
    exits: {
      ok: 'The packet passes: allowed, or audited.',
      no: 'The packet is denied, or part of what was asked is; with --live: or the kernel did not do what the walk says.',
      depends: 'With --path: it depends on what cannot be told from the rules, which is named.',
    },
    load: async () => (await import('./commands/explain.ts')).explain,
  },
  {
    name: 'chains',
    summary: 'every firewall rule: who made it, what it is for, what it does to outbound packets',
    description:
      "Reads the host's rules, of iptables and nftables alike, Docker's, yours and everybody else's, and shows them in the " +
      'order the kernel walks them, each with what it is for, whose project, network and container it concerns, and what it means for ' +
      "packets that containers send. A rule is said to be Docker's only when it is exactly what Docker makes, to its last " +
      'condition; what is not recognised says so. Changes nothing.',
    args: [],
    options: [
      {
        form: '--listing <file>',
        text: 'explain rules as iptables-save, iptables -S, iptables -nvL, nft list ruleset, nft -j and ebtables-save print them, which needs neither root nor an engine ("-": standard input)',
        completes: 'file',
      },
      worldOption,
      { form: '--table <name>', text: 'only tables of this name: raw, mangle, nat, filter, security, docker-bridges' },
      { form: '--chain <name>', text: 'only chains of this name: FORWARD, DOCKER-USER' },
    ],
    examples: [
      { line: 'sudo sluice chains', text: 'this host' },
      { line: 'sudo sluice chains --chain DOCKER-USER', text: 'your own rules' },
      { line: 'iptables-save | sluice chains --listing -', text: 'rules from anywhere' },
      { line: 'sluice chains --listing rules.txt --world w.json', text: 'with the names of networks and containers' },
    ],
    exits: {
      ok: 'The rules are shown, recognised or not.',
      no: 'There is no such table or chain.',
      unable: 'Not root, or the rules cannot be read.',
    },
    load: async () => (await import('./commands/chains.ts')).chains,
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
    load: async () => (await import('./commands/render.ts')).render,
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
    summary: 'stop the daemon and remove everything Sluice put into the kernel',
    description:
      "Stops the daemon, takes Sluice's own tables out of the kernel and forgets what was applied. Docker's rules, yours " +
      'and the policy files stay as they are. Containers may then send what Docker lets them.',
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
