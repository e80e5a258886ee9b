import { bits, type Family } from '../ip/address.ts';
import { icmpOf } from '../ip/box.ts';
import { icmpv6 } from '../ip/icmpv6.ts';
import { formatPrefix, type Prefix } from '../ip/prefix.ts';
import { everyPort, hasPorts, type L4, protocolNumbers } from '../ip/protocol.ts';
import type { Plane } from '../ruleset/clause.ts';
import type { StaticPlan, StaticRule, StaticSender } from './plan.ts';
import { noteRemarks, remark, ruleComment } from './text.ts';

/** The article's name, for what is passed on; its sister is for what the host itself receives. */
export const chainNames: Readonly<Record<Plane, string>> = {
  forward: 'DOCKER-OUTBOUND-FILTER',
  host: 'DOCKER-OUTBOUND-HOST',
};

export const hooks: Readonly<Record<Plane, string>> = { forward: 'FORWARD', host: 'INPUT' };

export const planes = ['forward', 'host'] as const;

/** A line of a chain: a remark as it is, or the words of a rule after the chain's name. */
export type ChainLine =
  | { readonly kind: 'remark'; readonly text: string }
  | { readonly kind: 'rule'; readonly words: readonly string[] };

/** Of the conversation's mark (ctmark): that it began with a packet which may be the answer to a denied one. */
const doubtful = '0x10000000/0x10000000';
const commentLength = 200; // of 255 that xt_comment holds

/**
 * A chain of one family and plane, in the order of the article: what is allowed returns to the chain that called (so that
 * Docker's own rules and the administrator's still count), what is not is denied.
 *
 * @param table `filter`, where REJECT is possible, or `security`, which no accept elsewhere goes round: there it is DROP
 * @param isFirst whether notes are written, which stand once in a file
 */
export function chainOf(
  plan: StaticPlan,
  plane: Plane,
  family: Family,
  table: 'filter' | 'security',
  isFirst: boolean,
): readonly ChainLine[] {
  const senders = plan.senders.filter((sender) => sender.family === family);
  const deny = table === 'filter' && plan.denied === 'reject' ? 'REJECT' : 'DROP';
  return [
    ...neighbourDiscovery(plane, family),
    ...senders.flatMap(forged),
    ...replies(family),
    ...senders.flatMap((sender) => [
      ...remarks(['', ...remark(sender.title)]),
      ...(plane === 'forward' && isFirst ? remarks(sender.notes.flatMap(noteRemarks)) : []),
      ...sender.rules[plane].flatMap((rule) => ruleLines(rule, sender, deny)),
    ]),
    ...(plane === 'forward' ? pickUps(senders, family) : []),
    ...remarks(['']),
    { kind: 'rule', words: ['-j', 'RETURN'] },
  ];
}

function remarks(lines: readonly string[]): readonly ChainLine[] {
  return lines.map((text) => ({ kind: 'remark', text }));
}

function rule(words: readonly string[], comment: string): ChainLine {
  return {
    kind: 'rule',
    words: [...words, '-m', 'comment', '--comment', ruleComment({ comment, source: null }, commentLength)],
  };
}

/** RFC 4861: solicitations and advertisements, which conntrack does not follow; from the link only (hop limit 255). */
function neighbourDiscovery(plane: Plane, family: Family): readonly ChainLine[] {
  if (family === 4) return [];
  const types = [...(plane === 'host' ? [icmpv6.routerSolicit] : []), icmpv6.neighbourSolicit, icmpv6.neighbourAdvert];
  return types.map((type) =>
    rule(
      ['-p', 'ipv6-icmp', '-m', 'icmp6', '--icmpv6-type', String(type), '-m', 'hl', '--hl-eq', '255', '-j', 'RETURN'],
      'neighbour discovery',
    ),
  );
}

function forged({ bridge, sources }: StaticSender): readonly ChainLine[] {
  if (bridge === null) return [];
  return sources.map((source) =>
    rule(['-i', bridge, '!', '-s', formatPrefix(source), '-j', 'DROP'], 'a source address that is not of this network'),
  );
}

/** Before everything else that is judged: answers of published ports go where nothing allows them. */
function replies(family: Family): readonly ChainLine[] {
  const icmp = family === 4 ? 'icmp' : 'ipv6-icmp';
  return [
    rule(
      ['-m', 'conntrack', '--ctdir', 'REPLY', '-m', 'connmark', '!', '--mark', doubtful, '-j', 'RETURN'],
      'answers in conversations that others began',
    ),
    rule(['-p', icmp, '-m', 'conntrack', '--ctstate', 'RELATED', '-j', 'RETURN'], 'ICMP errors about what was allowed'),
  ];
}

/**
 * A denied conversation can come back turned round: on paths without NAT, once its entry in conntrack is gone, the far
 * end's next packet makes a new one in which the container seems to answer. Such entries are marked where they are born,
 * and judged as what the container sends.
 */
function pickUps(senders: readonly StaticSender[], family: Family): readonly ChainLine[] {
  const icmp = family === 4 ? 'icmp' : 'ipv6-icmp';
  const places = senders.flatMap(({ sources, opened }) =>
    sources.map((source) => ({ to: ['-d', formatPrefix(source)], source, opened })),
  );
  const subnets = places.filter(({ source }) => source.length < bits(family));
  if (subnets.length === 0) return [];
  return [
    ...remarks([
      '',
      ...remark(
        'From outside: conversations that may be the far end of a denied one, told by no handshake, are marked.',
      ),
    ]),
    ...places.flatMap(({ to, opened }) =>
      opened.map(
        (port): ChainLine => ({
          kind: 'rule',
          words: [...to, '-p', 'udp', '--dport', String(port), '-j', 'RETURN'],
        }),
      ),
    ),
    ...subnets.flatMap(({ to }): readonly ChainLine[] => [
      { kind: 'rule', words: [...to, '-p', icmp, '-j', 'RETURN'] },
      { kind: 'rule', words: [...to, '-p', 'tcp', '--syn', '-j', 'RETURN'] },
      {
        kind: 'rule',
        words: [
          ...to,
          '-m',
          'conntrack',
          '!',
          '--ctstate',
          'DNAT,ESTABLISHED,RELATED,INVALID,UNTRACKED',
          '-j',
          'CONNMARK',
          '--set-xmark',
          doubtful,
        ],
      },
    ]),
  ];
}

function ruleLines(one: StaticRule, { sources, family }: StaticSender, deny: string): readonly ChainLine[] {
  const target = one.verdict === 'allow' ? 'RETURN' : deny;
  const said = layer4(one, family);
  if (said.length === 0)
    return remarks(remark(`NOTE ${one.comment}: iptables cannot match IP protocol 0 alone: not allowed`));
  const to = one.to === null ? [[]] : listed(one.to).map((list) => ['-d', list]);
  return said.flatMap((l4) =>
    listed(sources).flatMap((from) =>
      to.map(
        (destination): ChainLine => ({
          kind: 'rule',
          words: [
            '-s',
            from,
            ...destination,
            ...l4,
            ...time(one),
            '-j',
            target,
            '-m',
            'comment',
            '--comment',
            ruleComment(one, commentLength),
          ],
        }),
      ),
    ),
  );
}

/** iptables-restore refuses a word of 1,024 bytes and more (xshared.c, add_param). */
const wordLength = 1000;

/** Lists of prefixes, of which iptables makes a rule for each (iptables(8), "-s, --source"). */
function listed(prefixes: readonly Prefix[]): readonly string[] {
  const lists: string[] = [];
  for (const text of prefixes.map(formatPrefix)) {
    const last = lists.at(-1);
    if (last !== undefined && last.length + text.length < wordLength) lists[lists.length - 1] = `${last},${text}`;
    else lists.push(text);
  }
  return lists;
}

const names: ReadonlyMap<number, string> = new Map([
  [protocolNumbers.tcp, 'tcp'],
  [protocolNumbers.udp, 'udp'],
  [protocolNumbers.sctp, 'sctp'],
  [protocolNumbers.icmp, 'icmp'],
  [protocolNumbers.icmpv6, 'ipv6-icmp'],
]);

/** One list of words for each match of layer 4. To iptables protocol 0 is every protocol: in a denial that is stricter. */
function layer4({ l4, verdict }: StaticRule, family: Family): readonly (readonly string[])[] {
  if (l4 === 'any') return [[]];
  return l4.flatMap(({ protocol, ports }: L4) => {
    const number = protocol === 'icmp' ? icmpOf(family) : protocol;
    if (number === 0) return verdict === 'deny' ? [[]] : [];
    const isEvery = ports.low === everyPort.low && ports.high === everyPort.high;
    const match = ['-p', names.get(number) ?? String(number)];
    if (!hasPorts(number) || isEvery) return [match];
    return [[...match, '--dport', ports.low === ports.high ? String(ports.low) : `${ports.low}:${ports.high}`]];
  });
}

/** The last second that xt_time takes (libxt_time: dates up to 2038). */
const lastSecond = 2 ** 31 - 1;

/** `--datestop` is UTC where `--kerneltz` is not said (iptables-extensions(8), "time"). */
function time({ until }: StaticRule): readonly string[] {
  if (until === undefined) return [];
  const seconds = Math.min(Math.floor(until / 1000), lastSecond);
  return ['-m', 'time', '--datestop', new Date(seconds * 1000).toISOString().slice(0, 19)];
}
