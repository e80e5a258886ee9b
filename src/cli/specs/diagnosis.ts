import type { CommandSpec } from '../spec.ts';
import { worldOption } from './options.ts';

export const explain: CommandSpec = {
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
  load: async () => (await import('../commands/explain.ts')).explain,
};

export const chains: CommandSpec = {
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
  load: async () => (await import('../commands/chains.ts')).chains,
};

export const doctor: CommandSpec = {
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
  load: async () => (await import('../commands/doctor.ts')).doctor,
};
