import { type Address, parseAddress } from '../../../src/ip/address.ts';
import { prefixInterval, prefixOf } from '../../../src/ip/prefix.ts';
import type { Action, Condition, FieldRef, Step, Tuple, Value, Verdict } from '../../../src/packetpath/model.ts';

/** A piece of a rule as the walk takes it, and as iptables and nft write it; null: they cannot. */
export interface Word {
  readonly steps: readonly Step[];
  /** Where iptables means something else by it than nft. */
  readonly iptSteps?: readonly Step[];
  readonly ipt: string | null;
  readonly nft: string | null;
}

export type Family = 4 | 6;

const if_ = (condition: Condition): readonly Step[] => [{ kind: 'condition', condition }];
const among = (fields: readonly FieldRef[], values: readonly Tuple[], not = false): readonly Step[] =>
  if_({ kind: 'among', fields, values, not });
export const one = (low: bigint | number, high: bigint | number = low): Value => ({
  kind: 'range',
  low: BigInt(low),
  high: BigInt(high),
});
const bang = (not: boolean): string => (not ? '! ' : '');
const unequal = (not: boolean): string => (not ? '!= ' : '');

export function address(text: string): Address {
  const read = parseAddress(text);
  if (read === undefined) throw new Error(`no address: ${text}`);
  return read;
}

const ip = (family: Family): string => (family === 4 ? 'ip' : 'ip6');

export function addressIn(end: 's' | 'd', family: Family, prefix: string, not: boolean): Word {
  const { low, high } = prefixInterval(prefixOf(prefix));
  return {
    steps: among([{ field: `${end}addr`, only: { family } }], [[one(low, high)]], not),
    ipt: `${bang(not)}-${end} ${prefix}`,
    nft: `${ip(family)} ${end}addr ${unequal(not)}${prefix}`,
  };
}

export function interfaceIs(end: 'i' | 'o', name: string, not: boolean): Word {
  const prefix = name.endsWith('+') ? name.slice(0, -1) : null;
  const value: Value = prefix === null ? { kind: 'word', word: name } : { kind: 'prefix', prefix };
  return {
    steps: among([{ field: `${end}ifname` }], [[value]], not),
    ipt: `${bang(not)}-${end} ${name}`,
    nft: `${end}ifname ${unequal(not)}"${prefix === null ? name : `${prefix}*`}"`,
  };
}

export const protocols = { udp: 17, tcp: 6 } as const;
export type Proto = keyof typeof protocols;

export function protocolIs(proto: Proto | 'icmp', family: Family, not: boolean): Word {
  const number = proto === 'icmp' ? (family === 4 ? 1 : 58) : protocols[proto];
  const name = proto === 'icmp' && family === 6 ? 'ipv6-icmp' : proto;
  return {
    steps: among([{ field: 'l4proto' }], [[one(number)]], not),
    ipt: `${bang(not)}-p ${name}`,
    nft: `meta l4proto ${unequal(not)}${name}`,
  };
}

/** Ports of UDP or TCP: one, a range, or a list. */
export function portIn(
  end: 's' | 'd',
  proto: Proto,
  ports: readonly (readonly [number, number])[],
  not: boolean,
): Word {
  const protocol = protocols[proto];
  const text = (between: string) => ports.map(([low, high]) => (low === high ? `${low}` : `${low}${between}${high}`));
  const [first = ''] = text(':');
  return {
    steps: [
      ...among([{ field: 'l4proto' }], [[one(protocol)]]),
      ...among(
        [{ field: `${end}port`, only: { protocol } }],
        ports.map(([low, high]) => [one(low, high)]),
        not,
      ),
    ],
    ipt:
      ports.length === 1
        ? `-p ${proto} ${bang(not)}--${end}port ${first}`
        : `-p ${proto} -m multiport ${bang(not)}--${end}ports ${text(':').join(',')}`,
    nft: `${proto} ${end}port ${unequal(not)}${ports.length === 1 ? text('-')[0] : `{ ${text('-').join(', ')} }`}`,
  };
}

export function stateIn(states: readonly string[], not: boolean): Word {
  return {
    steps: if_({ kind: 'any-of', field: { field: 'ct state' }, not, words: states }),
    ipt: `-m conntrack ${bang(not)}--ctstate ${states.join(',').toUpperCase()}`,
    nft: `ct state ${unequal(not)}${not ? `{ ${states.join(', ')} }` : states.join(',')}`,
  };
}

export function statusIs(status: 'dnat' | 'snat', not: boolean): Word {
  return {
    steps: if_({ kind: 'any-of', field: { field: 'ct status' }, not, words: [status] }),
    iptSteps: if_({ kind: 'any-of', field: { field: 'ct state' }, not, words: [status] }),
    ipt: `-m conntrack ${bang(not)}--ctstate ${status.toUpperCase()}`,
    nft: not ? `ct status & ${status} == 0` : `ct status ${status}`,
  };
}

export function directionIs(direction: 'original' | 'reply'): Word {
  return {
    steps: among([{ field: 'ct direction' }], [[{ kind: 'word', word: direction }]]),
    ipt: `-m conntrack --ctdir ${direction.toUpperCase()}`,
    nft: `ct direction ${direction}`,
  };
}

export function originalTo(family: Family, to: string): Word {
  const { value } = address(to);
  return {
    steps: among([{ field: 'ct original daddr', only: { family } }], [[one(value)]]),
    ipt: `-m conntrack --ctorigdst ${to}`,
    nft: `ct original ${ip(family)} daddr ${to}`,
  };
}

export function markIs(of: 'packet' | 'ct', value: number, mask: number, not: boolean): Word {
  const field: FieldRef = { field: of === 'packet' ? 'mark' : 'ct mark', mask: BigInt(mask) };
  return {
    steps: among([field], [[one(value)]], not),
    ipt: `-m ${of === 'packet' ? 'mark' : 'connmark'} ${bang(not)}--mark ${value}/${mask}`,
    nft: `${of === 'packet' ? 'meta' : 'ct'} mark & ${mask} ${not ? '!=' : '=='} ${value}`,
  };
}

export function typeIs(end: 's' | 'd', type: 'local' | 'unicast', not: boolean): Word {
  return {
    steps: among([{ field: `${end}addr type` }], [[{ kind: 'word', word: type }]], not),
    ipt: `-m addrtype ${bang(not)}--${end === 's' ? 'src' : 'dst'}-type ${type.toUpperCase()}`,
    nft: `fib ${end}addr type ${unequal(not)}${type}`,
  };
}

/** Asked at prerouting by both, and by nft at forward as well. */
export function reversePath(is: 'there' | 'missing'): Word {
  return {
    steps: among([{ field: 'reverse path' }], [[{ kind: 'word', word: is }]]),
    ipt: `-m rpfilter${is === 'missing' ? ' --invert' : ''}`,
    nft: `fib saddr . iif oif ${is === 'missing' ? 'missing' : 'exists'}`,
  };
}

/** The bridge's port, where br_netfilter handed the frame over. */
export function portOfBridge(name: string, not: boolean): Word {
  return {
    steps: among([{ field: 'physin' }], [[{ kind: 'word', word: name }]], not),
    ipt: `-m physdev ${bang(not)}--physdev-in ${name}`,
    nft: null,
  };
}

/** MACs of groups. The walk does not know a neighbour's, but that it is none of these. */
export function frameTo(groups: 'link-local' | 'everybody', not: boolean): Word {
  const [text, low, high] =
    groups === 'everybody'
      ? (['ff:ff:ff:ff:ff:ff', 0xffff_ffff_ffff, 0xffff_ffff_ffff] as const)
      : (['01:80:c2:00:00:00-01:80:c2:00:00:0f', 0x0180_c200_0000, 0x0180_c200_000f] as const);
  return {
    steps: among([{ field: 'ether daddr' }], [[one(low, high)]], not),
    ipt: '',
    nft: `ether daddr ${unequal(not)}${text}`,
  };
}

export function inSet(end: 's' | 'd', family: Family, set: string, not: boolean): Word {
  return {
    steps: if_({ kind: 'among', fields: [{ field: `${end}addr`, only: { family } }], values: { set }, not }),
    ipt: `-m set ${bang(not)}--match-set ${set} ${end === 's' ? 'src' : 'dst'}`,
    nft: `${ip(family)} ${end}addr ${unequal(not)}@${set}`,
  };
}

/** Both could be so: nobody can tell how often it has matched. */
export const limited: Word = {
  steps: if_({ kind: 'depends', on: 'limit' }),
  ipt: '-m limit --limit 1/minute --limit-burst 3',
  nft: 'limit rate 1/minute burst 3 packets',
};

const act = (action: Action): readonly Step[] => [{ kind: 'action', action }];
const end = (verdict: Verdict): readonly Step[] => [{ kind: 'verdict', verdict }];

export const verdicts = {
  accept: { steps: end({ kind: 'accept' }), ipt: '-j ACCEPT', nft: 'accept' },
  drop: { steps: end({ kind: 'drop' }), ipt: '-j DROP', nft: 'drop' },
  return: { steps: end({ kind: 'return' }), ipt: '-j RETURN', nft: 'return' },
  reject: { steps: end({ kind: 'reject', with: 'port-unreachable' }), ipt: '-j REJECT', nft: 'reject' },
} as const satisfies Readonly<Record<string, Word>>;

export function jumpTo(kind: 'jump' | 'goto', chain: string): Word {
  return { steps: end({ kind, chain }), ipt: `-${kind === 'jump' ? 'j' : 'g'} ${chain}`, nft: `${kind} ${chain}` };
}

/** nft: `mark = mark & ~mask ^ value`, with the bits of the value inside the mask. */
export function setMark(of: 'packet' | 'ct', value: number, mask: number): Word {
  const name = of === 'packet' ? 'meta mark' : 'ct mark';
  const kept = (~mask >>> 0).toString();
  return {
    steps: act({ kind: 'set-mark', of, value: BigInt(value), mask: BigInt(mask) }),
    ipt: `-j ${of === 'packet' ? 'MARK' : 'CONNMARK'} --set-xmark ${value}/${mask}`,
    nft: `${name} set ${name} & ${kept} ^ ${value}`,
  };
}

export function copyMark(from: 'packet' | 'ct'): Word {
  return {
    steps: act({ kind: 'copy-mark', from, mask: 0xffff_ffffn }),
    ipt: `-j CONNMARK --${from === 'packet' ? 'save' : 'restore'}-mark`,
    nft: from === 'packet' ? 'ct mark set meta mark' : 'meta mark set ct mark',
  };
}

export const notrack: Word = { steps: act({ kind: 'notrack' }), ipt: '-j CT --notrack', nft: 'notrack' };
export const counted: Word = { steps: act({ kind: 'count' }), ipt: '', nft: 'counter' };
export const masquerade: Word = {
  steps: act({ kind: 'masquerade', ports: null }),
  ipt: '-j MASQUERADE',
  nft: 'masquerade',
};

export function dnatTo(family: Family, to: string, port: number | null): Word {
  const text = `${family === 6 && port !== null ? `[${to}]` : to}${port === null ? '' : `:${port}`}`;
  const ports = port === null ? null : { low: port, high: port };
  return {
    steps: act({ kind: 'dnat', to: { address: address(to), ports, text } }),
    ipt: `-j DNAT --to-destination ${text}`,
    nft: `dnat ${ip(family)} to ${text}`,
  };
}

export function snatTo(family: Family, to: string): Word {
  return {
    steps: act({ kind: 'snat', to: { address: address(to), ports: null, text: to } }),
    ipt: `-j SNAT --to-source ${to}`,
    nft: `snat ${ip(family)} to ${to}`,
  };
}

export function redirectTo(port: number): Word {
  return {
    steps: act({ kind: 'redirect', ports: { low: port, high: port } }),
    ipt: `-j REDIRECT --to-ports ${port}`,
    nft: `redirect to :${port}`,
  };
}
