import { bits, type Family } from '../ip/address.ts';
import { icmpOf } from '../ip/box.ts';
import { formatPrefix, type Prefix } from '../ip/prefix.ts';
import { everyPort, hasPorts, type L4, protocolNumbers } from '../ip/protocol.ts';
import type { Plane } from '../ruleset/clause.ts';
import { hooks, planes } from './chains.ts';
import type { StaticPlan, StaticRule, StaticSender } from './plan.ts';
import { aboutPlan, familiesIn, type RenderedFile, type Rendering } from './rendering.ts';
import { commandRemark, noteRemarks, remark, ruleComment } from './text.ts';

const table = 'inet docker-outbound-filter';
const doubtful = '0x10000000';
const commentLength = 120; // of 128 that nft takes (libnftnl, NFTNL_UDATA_COMMENT_MAXLEN)

const wipe = [`table ${table} { }`, `delete table ${table}`];

/** Takes the table away, whether or not it is there. */
export const nftReverse: RenderedFile = {
  name: 'docker-outbound-remove.nft',
  text: [
    '#!/usr/sbin/nft -f',
    '# Takes away the table of "sluice render". Containers may then send what Docker lets them.',
    ...wipe,
    '',
  ].join('\n'),
};

/** A file for `nft -f`: one table of its own, made anew in one transaction. */
export function renderNft(plan: StaticPlan): Rendering {
  const text = [
    '#!/usr/sbin/nft -f',
    ...aboutPlan(plan),
    '#',
    ...remark('To put it in force, at every boot before docker.service:'),
    commandRemark('nft -f docker-outbound.nft'),
    ...remark('To take it away:'),
    commandRemark('nft delete table inet docker-outbound-filter'),
    '#',
    ...remark(
      'A table of its own: in nft a drop is final whatever other tables accept, so that nothing Docker does with its rules, at the making of a network or at a restart, passes it by. What it accepts goes on to the rules of Docker and everybody else. Loading replaces the table in one transaction; twice is as once.',
    ),
    '',
    ...wipe,
    `table ${table} {`,
    ...planes.flatMap((plane) => chainLines(plan, plane)).map((line) => (line === '' ? line : `\t${line}`)),
    '}',
    '',
  ].join('\n');
  return {
    files: [{ name: 'docker-outbound.nft', text }],
    needsAll: false,
  };
}

function chainLines(plan: StaticPlan, plane: Plane): readonly string[] {
  const hook = hooks[plane].toLowerCase();
  const families = familiesIn(plan);
  const { senders } = plan;
  const lines = [
    `type filter hook ${hook} priority -10; policy accept;`,
    ...(plan.families[6]
      ? [
          `icmpv6 type { ${plane === 'host' ? 'nd-router-solicit, ' : ''}nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept comment "neighbour discovery"`,
        ]
      : []),
    ...senders.flatMap(({ bridge, sources, family }) =>
      bridge === null
        ? []
        : sources.map(
            (source) =>
              `iifname "${bridge}" ${ip(family)} saddr != ${formatPrefix(source)} drop comment "a source address that is not of this network"`,
          ),
    ),
    `ct direction reply ct mark & ${doubtful} == 0 accept comment "answers in conversations that others began"`,
    'ct state related meta l4proto { icmp, ipv6-icmp } accept comment "ICMP errors about what was allowed"',
    ...senders.flatMap((sender) => [
      '',
      ...remark(sender.title),
      ...(plane === 'forward' ? sender.notes.flatMap(noteRemarks) : []),
      ...sender.rules[plane].flatMap((rule) => ruleLines(rule, sender, plan.denied)),
    ]),
    ...(plane === 'forward' ? families.flatMap((family) => pickUps(senders, family)) : []),
  ];
  return [
    `chain ${plane === 'forward' ? 'forwarded' : 'to-the-host'} {`,
    ...lines.map((line) => (line === '' ? '' : `\t${line}`)),
    '}',
  ];
}

/** See chains.ts: entries that may be the far end of a denied conversation are marked where they are born. */
function pickUps(senders: readonly StaticSender[], family: Family): readonly string[] {
  const places = senders
    .filter((sender) => sender.family === family)
    .flatMap(({ sources, opened }) =>
      sources.map((source) => ({ to: `${ip(family)} daddr ${formatPrefix(source)}`, source, opened })),
    );
  const subnets = places.filter(({ source }) => source.length < bits(family));
  if (subnets.length === 0) return [];
  return [
    '',
    ...remark('From outside: conversations that may be the far end of a denied one, told by no handshake, are marked.'),
    ...places.flatMap(({ to, opened }) => opened.map((port) => `${to} udp dport ${port} accept`)),
    ...subnets.flatMap(({ to }) => [
      `${to} meta l4proto ${family === 4 ? 'icmp' : 'ipv6-icmp'} accept`,
      `${to} tcp flags & (fin | syn | rst | ack) == syn accept`,
      `${to} ct state new ct status & dnat == 0 ct mark set ct mark | ${doubtful}`,
    ]),
  ];
}

function ip(family: Family): 'ip' | 'ip6' {
  return family === 4 ? 'ip' : 'ip6';
}

function ruleLines(
  rule: StaticRule,
  { sources, family }: StaticSender,
  denied: StaticPlan['denied'],
): readonly string[] {
  const verdict = rule.verdict === 'allow' ? 'accept' : denied;
  const from = `${ip(family)} saddr ${some(sources)}`;
  const to = rule.to === null ? '' : ` ${ip(family)} daddr ${some(rule.to)}`;
  const until = rule.until === undefined ? '' : ` meta time <= ${Math.floor(rule.until / 1000)}`;
  return layer4(rule, family).map(
    (l4) => `${from}${to}${l4}${until} ${verdict} comment "${ruleComment(rule, commentLength)}"`,
  );
}

function some(prefixes: readonly Prefix[]): string {
  const [first, ...more] = prefixes.map(formatPrefix);
  return first !== undefined && more.length === 0 ? first : `{ ${[first, ...more].join(', ')} }`;
}

const names: ReadonlyMap<number, string> = new Map([
  [protocolNumbers.tcp, 'tcp'],
  [protocolNumbers.udp, 'udp'],
  [protocolNumbers.sctp, 'sctp'],
]);

function layer4({ l4 }: StaticRule, family: Family): readonly string[] {
  if (l4 === 'any') return [''];
  return l4.map(({ protocol, ports }: L4) => {
    const number = protocol === 'icmp' ? icmpOf(family) : protocol;
    const isEvery = ports.low === everyPort.low && ports.high === everyPort.high;
    if (!hasPorts(number) || isEvery) return ` meta l4proto ${number}`;
    return ` ${names.get(number)} dport ${ports.low === ports.high ? ports.low : `${ports.low}-${ports.high}`}`;
  });
}
