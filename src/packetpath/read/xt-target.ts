import type { Action, Step, Verdict } from '../model.ts';
import { parseNat, parseNumber, parsePorts } from './values.ts';
import { type Option, optionOf, type Understood, type XtContext, type XtTarget } from './xt-option.ts';
import { readMapped, readSetTarget } from './xt-set.ts';

/** What iptables' targets do (iptables-extensions(8); net/netfilter/xt_*.c). */

const verdict = (what: Verdict): Step => ({ kind: 'verdict', verdict: what });
const action = (what: Action): Step => ({ kind: 'action', action: what });
const full = 0xffffffffn;

const targetText = ({ name, options }: XtTarget): string => ['-j', name, ...options.map(({ text }) => text)].join(' ');

/** Steps of a rule's target. */
export function readTarget(target: XtTarget, context: XtContext): readonly Step[] {
  if (target.goto) return [verdict({ kind: 'goto', chain: target.name })];
  if (context.chains.has(target.name)) return [verdict({ kind: 'jump', chain: target.name })];
  switch (target.name) {
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
      if (target.options.length > 0) break;
      return [verdict({ kind: target.name.toLowerCase() as 'accept' | 'drop' | 'return' })];
    case 'QUEUE':
    case 'NFQUEUE':
      return [verdict({ kind: 'queue' })];
    case 'REJECT':
      return [verdict({ kind: 'reject', with: rejectWith(target.options, context) })];
    case 'LOG':
    case 'NFLOG':
    case 'ULOG':
      return [action({ kind: 'log' })];
    case 'NOTRACK':
      return [action({ kind: 'notrack' })];
    case 'TRACE':
      return [action({ kind: 'trace' })];
    default: {
      const known = Object.hasOwn(changing, target.name) ? changing[target.name] : undefined;
      const steps = known?.(target.options, context);
      if (steps !== undefined) return steps;
      if (harmless.has(target.name)) return [action({ kind: 'other', text: targetText(target), certain: true })];
      // a chain that the listing leaves out: its name is no extension's, and a jump has no options
      if (!extensions.has(target.name) && target.options.length === 0)
        return [verdict({ kind: 'jump', chain: target.name })];
    }
  }
  return [verdict({ kind: 'unknown', text: targetText(target) })];
}

/** Targets after which the next rule is looked at, and on which no verdict hangs. */
export const harmless: ReadonlySet<string> = new Set(
  (
    'TCPMSS TTL HL CHECKSUM DSCP TOS ECN TCPOPTSTRIP CLASSIFY AUDIT TEE IDLETIMER LED RATEEST SET SECMARK ' +
    'CONNSECMARK'
  ).split(' '),
);

/** The other targets of iptables and of the kernel; what is none of them is a chain. */
const extensions: ReadonlySet<string> = new Set(
  (
    'ACCEPT DROP RETURN CT MARK CONNMARK DNAT SNAT MASQUERADE REDIRECT NETMAP TPROXY SYNPROXY HMARK ' +
    'CLUSTERIP MIRROR DNPT SNPT SAME BALANCE ROUTE ERROR'
  ).split(' '),
);

type TargetReader = (options: readonly Option[], context: XtContext) => Understood;

const changing: Readonly<Record<string, TargetReader>> = {
  MARK: (options) => readMark(options, 'packet'),
  CONNMARK: (options) => readMark(options, 'ct') ?? readCopy(options),
  CT: readTracking,
  SET: readSet,
  DNAT: (options) => readNat(options, 'dnat', '--to-destination'),
  SNAT: (options) => readNat(options, 'snat', '--to-source'),
  MASQUERADE: (options) => readPortNat(options, 'masquerade'),
  REDIRECT: (options) => readPortNat(options, 'redirect'),
  NETMAP: (options) =>
    translated({ kind: 'other', text: targetText({ name: 'NETMAP', goto: false, options }), certain: false }),
};

/** Translation ends the walk of its table with an accept (nf_nat_setup_info). */
const translated = (what: Action): readonly Step[] => [action(what), verdict({ kind: 'accept' })];

function readNat(options: readonly Option[], kind: 'dnat' | 'snat', name: string): Understood {
  const given = options.filter((option) => option.name === name);
  const text = given.map(({ args: [to = ''] }) => to).join(' ');
  return given.length === 0 ? undefined : translated({ kind, to: parseNat(text) });
}

function readPortNat(options: readonly Option[], kind: 'masquerade' | 'redirect'): Understood {
  const text = optionOf(options, '--to-ports')?.args[0];
  const ports = text === undefined ? null : parsePorts(text, '-');
  return ports === undefined ? undefined : translated({ kind, ports });
}

/** `--set-xmark value/mask` and its older spellings (iptables-extensions(8), MARK): zero the mask's bits, then xor. */
function readMark(options: readonly Option[], of: 'packet' | 'ct'): Understood {
  const [option, ...more] = options;
  if (option === undefined || more.length > 0) return undefined;
  const [value, mask = full, ...rest] = (option.args[0] ?? '').split('/').map(parseNumber);
  if (value === undefined || rest.length > 0) return undefined;
  const set = (bits: bigint, cleared: bigint): readonly Step[] => [
    action({ kind: 'set-mark', of, value: bits & full, mask: cleared & full }),
  ];
  switch (option.name) {
    case '--set-xmark':
      return set(value, mask);
    case '--set-mark':
      return set(value, mask | value);
    case '--and-mark':
      return set(0n, ~value);
    case '--or-mark':
      return set(value, value);
    case '--xor-mark':
      return set(value, 0n);
    default:
      return undefined;
  }
}

/** `-j SET` changes the packet's mark at most, and then goes on (xt_set.c); `undefined` leaves the others to {@link harmless}. */
function readSet(options: readonly Option[], context: XtContext): Understood {
  const read = readSetTarget(options);
  const mapped = read === undefined ? undefined : readMapped(read, context);
  if (mapped !== undefined) return [action(mapped)];
  if (read !== undefined) return undefined;
  return [action({ kind: 'other', text: targetText({ name: 'SET', goto: false, options }), certain: false })];
}

/** `--save-mark`, `--restore-mark`, of the bits of both masks; only equal masks are understood. */
function readCopy(options: readonly Option[]): Understood {
  const save = optionOf(options, '--save-mark');
  const restore = optionOf(options, '--restore-mark');
  if ((save === undefined) === (restore === undefined)) return undefined;
  const maskOf = (name: string) =>
    parseNumber(optionOf(options, name)?.args[0] ?? optionOf(options, '--mask')?.args[0] ?? '0xffffffff');
  const mask = maskOf('--nfmask');
  const other = maskOf('--ctmask');
  const from = save === undefined ? 'ct' : 'packet';
  if (mask !== undefined && mask === other) return [action({ kind: 'copy-mark', from, mask })];
  return [action({ kind: 'other', text: targetText({ name: 'CONNMARK', goto: false, options }), certain: false })];
}

/** `-j CT`: `--notrack` ends tracking; a zone or helper changes which conversation a packet is found to be of. */
function readTracking(options: readonly Option[]): Understood {
  if (optionOf(options, '--notrack') !== undefined) return [action({ kind: 'notrack' })];
  return [action({ kind: 'other', text: targetText({ name: 'CT', goto: false, options }), certain: false })];
}

/** iptables' names of answers in nft's words, so that every listing of a rule says the same. */
const answers: Readonly<Record<string, string>> = {
  'tcp-reset': 'tcp reset',
  'icmp-net-unreachable': 'icmp net-unreachable',
  'icmp-host-unreachable': 'icmp host-unreachable',
  'icmp-port-unreachable': 'icmp port-unreachable',
  'icmp-proto-unreachable': 'icmp prot-unreachable',
  'icmp-net-prohibited': 'icmp net-prohibited',
  'icmp-host-prohibited': 'icmp host-prohibited',
  'icmp-admin-prohibited': 'icmp admin-prohibited',
  'icmp6-no-route': 'icmpv6 no-route',
  'icmp6-adm-prohibited': 'icmpv6 admin-prohibited',
  'icmp6-addr-unreachable': 'icmpv6 addr-unreachable',
  'icmp6-port-unreachable': 'icmpv6 port-unreachable',
  'icmp6-policy-fail': 'icmpv6 policy-fail',
  'icmp6-reject-route': 'icmpv6 reject-route',
};

function rejectWith(options: readonly Option[], { family }: XtContext): string {
  const name = optionOf(options, '--reject-with')?.args[0];
  if (name === undefined) return family === 4 ? 'icmp port-unreachable' : 'icmpv6 port-unreachable'; // the default
  return Object.hasOwn(answers, name) ? (answers[name] as string) : name;
}
