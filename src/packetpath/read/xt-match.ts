import type { Family } from '../../ip/address.ts';
import { hasIpOptions, withoutOptions } from '../../ip/options.ts';
import type { Field, FieldRef, Step, Value } from '../model.ts';
import {
  among,
  condition,
  interfaceValue,
  parseAddressRange,
  parseMac,
  parseNetwork,
  parseNumber,
  parsePorts,
  range,
  unknownCondition,
  word,
} from './values.ts';
import { icmpNamed, protocolNumber, tcpFlagBits } from './words.ts';
import { conntrackArgs, readConntrack } from './xt-conntrack.ts';
import type { XtContext, XtMatch } from './xt-option.ts';
import { matchText, type Option, type OptionReader, type OptionReaders, type Understood } from './xt-option.ts';
import { readSetMatch } from './xt-set.ts';

/** What iptables' matches mean (iptables-extensions(8); net/netfilter/xt_*.c). */

const one = (read: OptionReader['read']): OptionReader => ({ args: 1, read });
const flag = (read: OptionReader['read']): OptionReader => ({ args: 0, read });

/** A reader whose one argument becomes one condition. */
function valued(field: Field | FieldRef, parse: (text: string) => readonly Value[] | undefined): OptionReader {
  return one(({ args: [text = ''], not }) => {
    const values = parse(text);
    return values === undefined ? undefined : [among(field, values, not)];
  });
}

function portValues(text: string): readonly Value[] | undefined {
  const values: Value[] = [];
  for (const part of text.split(',')) {
    const ports = parsePorts(part, ':');
    if (ports === undefined) return undefined;
    values.push(range(ports.low, ports.high));
  }
  return values;
}

function words(...known: readonly string[]): (text: string) => readonly Value[] | undefined {
  return (text) => {
    const given = text.toLowerCase().split(',');
    return given.every((name) => known.includes(name)) ? given.map(word) : undefined;
  };
}

const portsOf = (protocol: number): OptionReaders => {
  const only = { protocol };
  return {
    '--sport': valued({ field: 'sport', only }, portValues),
    '--source-port': valued({ field: 'sport', only }, portValues),
    '--dport': valued({ field: 'dport', only }, portValues),
    '--destination-port': valued({ field: 'dport', only }, portValues),
  };
};

function readTcpFlags({ args: [maskText = '', valueText = ''], not }: Option): Understood {
  const mask = tcpFlagBits(maskText);
  const value = tcpFlagBits(valueText);
  if (mask === undefined || value === undefined) return undefined;
  return [among({ field: 'tcp flags', mask, only: { protocol: 6 } }, [range(value)], not)];
}

/** Protocols that multiport takes (xt_multiport): whose header begins with two ports. */
const ported = [6, 17, 33, 132, 136];
const anyPort = range(0, 65535);

function multiport(fields: readonly ('sport' | 'dport')[]): OptionReader {
  return one(({ args: [text = ''], not }, { protocol }) => {
    const values = portValues(text);
    if (values === undefined || protocol === null || !ported.includes(protocol)) return undefined;
    const refs = fields.map((field): FieldRef => ({ field, only: { protocol } }));
    const tuples =
      refs.length === 1
        ? values.map((value) => [value])
        : values.flatMap((v) => [
            [v, anyPort],
            [anyPort, v],
          ]);
    return [condition({ kind: 'among', fields: refs, not, values: tuples })];
  });
}

/** `8`, `3/4`, `echo-request`, `any`; a type alone stands for all its codes. */
function icmp(family: Family): OptionReader {
  const only = { protocol: family === 4 ? 1 : 58 };
  return one(({ args: [text = ''], not }) => {
    if (text === 'any' || (family === 4 && text === '255')) return not ? undefined : [];
    const [typeText = '', codeText] = text.split('/');
    const named = icmpNamed(family, text);
    const type = named?.type ?? octet(typeText);
    const code = codeText === undefined ? undefined : octet(codeText);
    if (type === undefined || (codeText !== undefined && code === undefined)) return undefined;
    const codes = named?.codes ?? (code === undefined ? undefined : { low: BigInt(code), high: BigInt(code) });
    if (codes === undefined) return [among({ field: 'icmp type', only }, [range(type)], not)];
    const fields: readonly FieldRef[] = [
      { field: 'icmp type', only },
      { field: 'icmp code', only },
    ];
    return [condition({ kind: 'among', fields, not, values: [[range(type), range(codes.low, codes.high)]] })];
  });
}

const octet = (text: string): number | undefined =>
  /^[0-9]{1,3}$/.test(text) && Number(text) < 256 ? Number(text) : undefined;

/** `0x1/0x3`: the bits of the mask are compared; without one, all. */
function markOf(field: 'mark' | 'ct mark'): OptionReader {
  return one(({ args: [text = ''], not }) => {
    const [value, mask, ...more] = text.split('/').map(parseNumber);
    if (value === undefined || more.length > 0 || (mask === undefined && text.includes('/'))) return undefined;
    return [among(mask === undefined || mask === 0xffffffffn ? field : { field, mask }, [range(value)], not)];
  });
}

const ttl: OptionReaders = {
  eq: valued('ttl', (text) => octets(text, (n) => range(n))),
  lt: valued('ttl', (text) => octets(text, (n) => (n === 0 ? undefined : range(0, n - 1)))),
  gt: valued('ttl', (text) => octets(text, (n) => (n === 255 ? undefined : range(n + 1, 255)))),
};

function octets(text: string, make: (n: number) => Value | undefined): readonly Value[] | undefined {
  const number = octet(text);
  const value = number === undefined ? undefined : make(number);
  return value === undefined ? undefined : [value];
}

/** Names of rtnetlink's route types, in small letters as `fib … type` has them. */
const addressTypes = words(
  ...'unspec unicast local broadcast anycast multicast blackhole unreachable prohibit throw nat xresolve'.split(' '),
);

const packetTypes = (text: string): readonly Value[] | undefined => {
  const name = text.toLowerCase();
  if (name === 'unicast') return [word('host')]; // PACKET_HOST, as nft names it
  return ['host', 'broadcast', 'multicast'].includes(name) ? [word(name)] : undefined;
};

const addressRange = (field: 'saddr' | 'daddr'): OptionReader =>
  one(({ args: [text = ''], not }, { family }) => {
    const value = parseAddressRange(text, family);
    return value === undefined ? undefined : [among(field, [value], not)];
  });

const bridgePort = (field: 'physin' | 'physout'): OptionReader => valued(field, (name) => [interfaceValue(name, '+')]);
/** Whether a frame has a bridge port on that side: the name of one that is not there is empty. */
const hasBridgePort = (field: 'physin' | 'physout'): OptionReader =>
  flag(({ not }) => [among(field, [word('')], !not)]);

/** Modules whose options are each a condition. */
const modules: Readonly<Record<string, OptionReaders>> = {
  tcp: {
    ...portsOf(6),
    '--tcp-flags': { args: 2, read: readTcpFlags },
    '--syn': flag((option) => readTcpFlags({ ...option, args: ['FIN,SYN,RST,ACK', 'SYN'] })),
  },
  udp: portsOf(17),
  sctp: portsOf(132),
  dccp: portsOf(33),
  multiport: {
    '--sports': multiport(['sport']),
    '--source-ports': multiport(['sport']),
    '--dports': multiport(['dport']),
    '--destination-ports': multiport(['dport']),
    '--ports': multiport(['sport', 'dport']),
  },
  icmp: { '--icmp-type': icmp(4) },
  icmp6: { '--icmpv6-type': icmp(6) },
  state: { '--state': one((option) => readConntrack([{ ...option, name: '--ctstate' }], 4)) },
  mark: { '--mark': markOf('mark') },
  connmark: { '--mark': markOf('ct mark') },
  physdev: {
    '--physdev-in': bridgePort('physin'),
    '--physdev-out': bridgePort('physout'),
    '--physdev-is-in': hasBridgePort('physin'),
    '--physdev-is-out': hasBridgePort('physout'),
    '--physdev-is-bridged': hasBridgePort('physout'), // set on the bridge's own way through only (xt_physdev.c)
  },
  mac: {
    '--mac-source': valued('ether saddr', (text) => {
      const mac = parseMac(text);
      return mac === undefined ? undefined : [range(mac)];
    }),
  },
  iprange: { '--src-range': addressRange('saddr'), '--dst-range': addressRange('daddr') },
  pkttype: { '--pkt-type': valued('pkttype', packetTypes) },
  comment: { '--comment': one(() => []) },
  ttl: {
    '--ttl-eq': ttl['eq'] as OptionReader,
    '--ttl-lt': ttl['lt'] as OptionReader,
    '--ttl-gt': ttl['gt'] as OptionReader,
  },
  hl: {
    '--hl-eq': ttl['eq'] as OptionReader,
    '--hl-lt': ttl['lt'] as OptionReader,
    '--hl-gt': ttl['gt'] as OptionReader,
  },
};

/** Modules whose options belong together. */
const whole: Readonly<Record<string, (options: readonly Option[], context: XtContext) => Understood>> = {
  conntrack: (options, { family }) => readConntrack(options, family),
  set: readSetMatch,
  addrtype: readAddressType,
  rpfilter: readReversePath,
  owner: readOwner,
  cgroup: readCgroup,
  bpf: readBytecode,
  // of a packet without that header it does not hold, whatever it asks (ip6t_rt.c)
  rt: () => [condition({ kind: 'among', fields: [{ field: 'exthdr' }], not: false, values: [] })],
};

function readAddressType(options: readonly Option[]): Understood {
  const steps = options.map(({ name, args: [text = ''], not }) => {
    const field = name === '--src-type' ? 'saddr type' : name === '--dst-type' ? 'daddr type' : undefined;
    const values = addressTypes(text);
    return field === undefined || values === undefined ? undefined : among(field, values, not);
  });
  return steps.every((step) => step !== undefined) ? steps : undefined;
}

/** The strict question, of any mark; loose and by mark it is another one. */
function readReversePath(options: readonly Option[]): Understood {
  const [option, ...more] = options;
  if (option === undefined) return [among('reverse path', [word('there')])];
  return option.name === '--invert' && more.length === 0 ? [among('reverse path', [word('missing')])] : undefined;
}

/** A negated owner also matches packets of no socket (xt_owner.c), which no condition on a field says. */
function readOwner(options: readonly Option[]): Understood {
  const [option, ...more] = options;
  if (option?.name !== '--uid-owner' || option.not || more.length > 0) return undefined;
  const ends = (option.args[0] ?? '').split('-').map(parseNumber);
  const [low, high = low] = ends;
  if (low === undefined || high === undefined || ends.length > 2 || low > high) return undefined;
  return [among('skuid', [range(low, high)])];
}

function readCgroup(options: readonly Option[]): Understood {
  const [option, ...more] = options;
  const id = option?.name === '--cgroup' && more.length === 0 ? parseNumber(option.args[0] ?? '') : undefined;
  return id === undefined ? undefined : [among('cgroup', [range(id)], option?.not)];
}

/** Of all that a program may ask, the one thing that Sluice's rules ask of every packet. */
function readBytecode(options: readonly Option[]): Understood {
  const [option, ...more] = options;
  if (option?.name !== '--bytecode' || more.length > 0 || option.args[0] !== hasIpOptions) return undefined;
  return [among('header length', [range(withoutOptions)], !option.not)];
}

/** Modules that go by what came before, by chance or by the clock. */
const depending: ReadonlySet<string> = new Set(
  'limit hashlimit dstlimit recent statistic random nth connlimit quota quota2 connbytes rateest time'.split(' '),
);

/** Arguments of options of the modules that are understood as a whole. */
const wholeArgs: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  conntrack: conntrackArgs,
  set: { '--match-set': 2, '--return-nomatch': 0, '--update-counters': 0, '--update-subcounters': 0 },
  addrtype: { '--src-type': 1, '--dst-type': 1, '--limit-iface-in': 0, '--limit-iface-out': 0 },
  rpfilter: { '--invert': 0, '--loose': 0, '--validmark': 0, '--accept-local': 0 },
  owner: { '--uid-owner': 1, '--gid-owner': 1, '--socket-exists': 0, '--suppl-groups': 0 },
  cgroup: { '--cgroup': 1, '--path': 1 },
  rt: { '--rt-type': 1, '--rt-segsleft': 1, '--rt-len': 1, '--rt-0-res': 0, '--rt-0-addrs': 1, '--rt-0-not-strict': 0 },
  bpf: { '--bytecode': 1, '--object-pinned': 1 },
};

/** How many arguments an option of a module takes; undefined where that is not known. */
export function argumentsOf(module: string, option: string): number | undefined {
  return counts.get(module)?.get(option);
}

const counts: ReadonlyMap<string, ReadonlyMap<string, number>> = new Map([
  ...Object.entries(modules).map(
    ([module, options]) =>
      [module, new Map(Object.entries(options).map(([option, { args }]) => [option, args]))] as const,
  ),
  ...Object.entries(wholeArgs).map(([module, options]) => [module, new Map(Object.entries(options))] as const),
]);

/** A property of its own only: names come from listings. */
function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}

/** The conditions of a match; what is not understood is one with its text. */
export function readMatch(match: XtMatch, context: XtContext): readonly Step[] {
  if (match.module === 'recent' && match.options.some(({ name, not }) => name === '--set' && !not)) return []; // always holds
  if (depending.has(match.module)) return [condition({ kind: 'depends', on: matchText(match) })];
  const together = own(whole, match.module);
  if (together !== undefined) return together(match.options, context) ?? [unknownCondition(matchText(match))];
  const readers = own(modules, match.module);
  if (readers === undefined) return [unknownCondition(matchText(match))];
  return match.options.flatMap((option): readonly Step[] => {
    const reader = own(readers, option.name);
    const read = reader?.args === option.args.length ? reader.read(option, context) : undefined;
    return read ?? [unknownCondition(matchText({ ...match, options: [option] }))];
  });
}

/** The conditions of the part of a rule before its matches: `-s -d -i -o -p -f`. */
export function readHeader(option: Option, family: Family): Step {
  const [text = ''] = option.args;
  switch (option.name) {
    case '-s':
    case '-d': {
      const network = parseNetwork(text, family);
      if (network === undefined) break;
      const field = option.name === '-s' ? 'saddr' : 'daddr';
      return among(network.mask === undefined ? field : { field, mask: network.mask }, network.values, option.not);
    }
    case '-i':
    case '-o':
      return among(option.name === '-i' ? 'iifname' : 'oifname', [interfaceValue(text, '+')], option.not);
    case '-p': {
      const protocol = protocolNumber(text);
      if (protocol !== undefined) return among('l4proto', [range(protocol)], option.not);
    }
  }
  return unknownCondition(option.text);
}
