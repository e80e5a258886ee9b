import { type Entry, entries } from './entry.ts';
import { publishedPorts } from './published-ports.ts';
import type { Layout } from './types.ts';

/**
 * Docker's rules in iptables, per layout. Read from libnetwork 17.06 to 27 (`drivers/bridge/setup_ip_tables.go`,
 * `iptables/iptables.go`), moby 28.0 to 29.7 (`drivers/bridge/internal/iptabler/`) and its generated listings
 * (`integration/network/bridge/iptablesdoc/`), and measured on 20.10, 26.1 and 28.5.
 */
const all: readonly Layout[] = ['pairs', 'stages', 'ext-bridges', 'forward', 'internal'];
const oldForward: readonly Layout[] = ['pairs', 'stages'];
const staged: readonly Layout[] = ['stages', 'ext-bridges', 'forward'];
const since28: readonly Layout[] = ['ext-bridges', 'forward', 'internal'];
const ownForward: readonly Layout[] = ['forward', 'internal'];

const call = {
  user: 'sends everything through DOCKER-USER, the chain for rules of your own',
  ports: 'everything else towards {b} goes through DOCKER, which knows the published ports',
} as const;
const words = {
  replies: 'lets into {b} what belongs to conversations that exist already, such as replies to its containers',
  out: 'lets {b} send to anywhere outside itself: nothing limits where to',
  neighbours: 'lets containers on {b} reach each other',
  noIcc: 'keeps containers on {b} from each other (icc=false)',
  internalIn: '{b} is internal: stops what comes into it from outside {n}',
  internalOut: '{b} is internal: stops whatever it sends outside {n}',
  bridged: ', unless it stays on the bridge',
} as const;

/** FORWARD as it was while each network had its rules there. */
const forwardTo27 = entries('docker', oldForward, [
  ['filter FORWARD: out={b} ct=established,related -> accept', 'replies', words.replies],
  ['filter FORWARD: out={b} -> jump DOCKER', 'inbound', call.ports],
  ['filter FORWARD: in={b} out!={b} -> accept', 'lets-out', words.out],
  ['filter FORWARD: in={b} out={b} -> accept', 'neighbours', words.neighbours],
  ['filter FORWARD: in={b} out={b} -> drop', 'neighbours', words.noIcc],
]);

const pairs = entries(
  'docker',
  ['pairs'],
  [
    [
      'filter FORWARD: -> jump DOCKER-ISOLATION',
      'calls',
      'sends everything through DOCKER-ISOLATION, which keeps networks apart',
    ],
    [
      'filter DOCKER-ISOLATION: in={b} out={c} -> drop',
      'isolates',
      'stops what {b} sends to {c}: keeps the containers of the two apart (the host is not concerned)',
    ],
    ['filter DOCKER-ISOLATION: src!={n} out={b} -> drop', 'isolates', words.internalIn],
    ['filter DOCKER-ISOLATION: dst!={n} in={b} -> drop', 'stops', words.internalOut],
    ['filter DOCKER-ISOLATION: -> return', 'nothing', 'goes back to FORWARD: no two networks are concerned'],
  ],
);

const stages = entries('docker', staged, [
  [
    'filter DOCKER-ISOLATION-STAGE-1: in={b} out!={b} -> jump DOCKER-ISOLATION-STAGE-2',
    'calls',
    'what {b} sends elsewhere must pass STAGE-2, which lets nothing into another network of Docker',
  ],
  ['filter DOCKER-ISOLATION-STAGE-1: src!={n} out={b} -> drop', 'isolates', words.internalIn],
  [
    'filter DOCKER-ISOLATION-STAGE-1: src!={n} out={b} in!={b} -> drop',
    'isolates',
    `${words.internalIn}${words.bridged}`,
  ],
  ['filter DOCKER-ISOLATION-STAGE-1: dst!={n} in={b} -> drop', 'stops', words.internalOut],
  [
    'filter DOCKER-ISOLATION-STAGE-1: dst!={n} in={b} out!={b} -> drop',
    'stops',
    `${words.internalOut}${words.bridged}`,
  ],
  ['filter DOCKER-ISOLATION-STAGE-1: -> return', 'nothing', 'goes back: no two networks are concerned'],
  [
    'filter DOCKER-ISOLATION-STAGE-2: out={b} -> drop',
    'isolates',
    'stops what other networks send to {b}: keeps them apart',
  ],
  ['filter DOCKER-ISOLATION-STAGE-2: -> return', 'nothing', 'goes back: it leaves for no network of Docker'],
]);

const callStages = entries(
  'docker',
  ['stages', 'ext-bridges'],
  [
    [
      'filter FORWARD: -> jump DOCKER-ISOLATION-STAGE-1',
      'calls',
      'sends everything through DOCKER-ISOLATION-STAGE-1, which keeps networks apart',
    ],
  ],
);

const routedStages = entries(
  'docker',
  ['ext-bridges', 'forward'],
  [
    [
      'filter DOCKER-ISOLATION-STAGE-1: in={b} ct=established,related -> accept',
      'replies',
      'lets {b} go on with conversations that exist already, to other networks too (gateway mode routed)',
    ],
    [
      'filter DOCKER-ISOLATION-STAGE-1: out={b} -> return',
      'nothing',
      'lets other networks through to {b}, as far as DOCKER lets them (gateway mode routed)',
    ],
  ],
);

/** 28.0.0 only: one rule for all bridges by a set of their subnets, and rules appended to FORWARD. */
const extBridges = entries(
  'docker',
  ['ext-bridges'],
  ['docker-ext-bridges-v4', 'docker-ext-bridges-v6'].flatMap((set) => [
    [
      `filter FORWARD: dst=@${set} ct=established,related -> accept`,
      'replies',
      'lets into networks of Docker what belongs to conversations that exist already, such as replies',
    ] as const,
    [
      `filter FORWARD: dst=@${set} -> jump DOCKER`,
      'inbound',
      'everything else towards networks of Docker goes through DOCKER, which knows the published ports',
    ] as const,
  ]),
);
const extForward = entries(
  'docker',
  ['ext-bridges'],
  [
    [
      'filter FORWARD: in={b} -> accept',
      'lets-out',
      'lets {b} send anywhere, to its own containers too: nothing limits where to',
    ],
    ['filter FORWARD: in={b} out!={b} -> accept', 'lets-out', words.out],
    ['filter FORWARD: in={b} out={b} -> accept', 'neighbours', words.neighbours],
    ['filter FORWARD: in={b} out={b} -> drop', 'neighbours', words.noIcc],
  ],
);

/** Since 28.0.1 everything stands in chains of Docker's own. */
const dockerForward = entries('docker', ownForward, [
  [
    'filter FORWARD: -> jump DOCKER-FORWARD',
    'calls',
    "sends everything through DOCKER-FORWARD, where Docker's own rules are",
  ],
  ['filter DOCKER-FORWARD: -> jump DOCKER-CT', 'calls', 'sends everything through DOCKER-CT, which lets replies in'],
  [
    'filter DOCKER-FORWARD: -> jump DOCKER-BRIDGE',
    'calls',
    'sends everything through DOCKER-BRIDGE, which looks for published ports',
  ],
  [
    'filter DOCKER-FORWARD: in={b} -> accept',
    'lets-out',
    'lets {b} send anywhere, to its own containers too: nothing limits where to',
  ],
  ['filter DOCKER-FORWARD: in={b} out!={b} -> accept', 'lets-out', words.out],
  ['filter DOCKER-FORWARD: in={b} out={b} -> accept', 'neighbours', words.neighbours],
  ['filter DOCKER-FORWARD: in={b} out={b} -> drop', 'neighbours', words.noIcc],
  [
    'filter DOCKER-FORWARD: mark={m} -> accept',
    'lets-out',
    'lets through whatever carries mark {m}, from and to any network (--bridge-accept-fwmark)',
  ],
  ['filter DOCKER-CT: out={b} ct=established,related -> accept', 'replies', words.replies],
  ['filter DOCKER-BRIDGE: out={b} -> jump DOCKER', 'inbound', call.ports],
]);
const callStagesFromForward = entries(
  'docker',
  ['forward'],
  [
    [
      'filter DOCKER-FORWARD: -> jump DOCKER-ISOLATION-STAGE-1',
      'calls',
      'sends everything through DOCKER-ISOLATION-STAGE-1, which keeps networks apart',
    ],
  ],
);

const internal29 = entries(
  'docker',
  ['internal'],
  [
    [
      'filter DOCKER-FORWARD: -> jump DOCKER-INTERNAL',
      'calls',
      'sends everything through DOCKER-INTERNAL, which closes internal networks',
    ],
    ['filter DOCKER-INTERNAL: src!={n} out={b} -> drop', 'isolates', words.internalIn],
    ['filter DOCKER-INTERNAL: src!={n} out={b} in!={b} -> drop', 'isolates', `${words.internalIn}${words.bridged}`],
    ['filter DOCKER-INTERNAL: dst!={n} in={b} -> drop', 'stops', words.internalOut],
    ['filter DOCKER-INTERNAL: dst!={n} in={b} out!={b} -> drop', 'stops', `${words.internalOut}${words.bridged}`],
  ],
);

const user = entries('docker', all, [
  ['filter FORWARD: -> jump DOCKER-USER', 'calls', call.user],
  [
    'filter DOCKER-USER: -> return',
    'nothing',
    'goes back to FORWARD: the end that Docker up to 28.2.1 gave this chain',
  ],
]);

const ports = entries('docker', all, [
  [
    'filter DOCKER: dst={a} in!={b} out={b} proto={p} dport={port} -> accept',
    'inbound',
    'lets {p} from outside {b} reach {a} on port {port}: a published port',
  ],
  [
    'filter DOCKER: src={a} dst={d} in={b} out={b} proto={p} dport={port} -> accept',
    'neighbours',
    'lets {a} reach {p} port {port} of {d}: a link (--link)',
  ],
  [
    'filter DOCKER: src={a} dst={d} in={b} out={b} proto={p} sport={port} -> accept',
    'neighbours',
    'lets {a} answer {d} from {p} port {port}: a link (--link)',
  ],
]);

const closed = entries('docker', since28, [
  [
    'filter DOCKER: in!={b} out={b} -> drop',
    'inbound',
    'stops everything else from outside to {b}: ports that are not published',
  ],
  [
    'filter DOCKER: in!={b} out={b} -> accept',
    'inbound',
    'lets everything from outside into {b}: its ports are not protected (gateway mode nat-unprotected)',
  ],
  ['filter DOCKER: out={b} proto=icmp -> accept', 'inbound', 'lets ICMP into {b} (gateway mode routed)'],
  ['filter DOCKER: out={b} proto=icmpv6 -> accept', 'inbound', 'lets ICMPv6 into {b} (gateway mode routed)'],
  [
    'filter DOCKER: in={b} out={b} proto=icmpv6 icmp-type=135 -> accept',
    'neighbours',
    'lets containers on {b} ask for the hardware addresses of each other, in spite of icc=false',
  ],
  [
    'filter DOCKER: in={b} out={b} proto=icmpv6 icmp-type=136 -> accept',
    'neighbours',
    'lets containers on {b} answer for their hardware addresses, in spite of icc=false',
  ],
]);

const nat = entries('docker', all, [
  [
    'nat PREROUTING: dst-type=local -> jump DOCKER',
    'calls',
    'what arrives for an address of the host goes through DOCKER, which knows the published ports',
  ],
  [
    'nat OUTPUT: dst!=127.0.0.0/8 dst-type=local -> jump DOCKER',
    'host',
    'what the host sends to an address of its own, loopback apart, goes through DOCKER, which knows the published ports',
  ],
  [
    'nat OUTPUT: dst!=::1/128 dst-type=local -> jump DOCKER',
    'host',
    'what the host sends to an address of its own, loopback apart, goes through DOCKER, which knows the published ports',
  ],
  [
    'nat OUTPUT: dst-type=local -> jump DOCKER',
    'host',
    'what the host sends to an address of its own goes through DOCKER, which knows the published ports (no userland proxy)',
  ],
  [
    'nat POSTROUTING: src={n} out!={b} -> masquerade',
    'new-source',
    "what leaves {b} ({n}) gets the host's address as its source",
  ],
  [
    'nat POSTROUTING: src={n} out!={b} -> snat {to}',
    'new-source',
    'what leaves {b} ({n}) gets {to} as its source (host_ipv4, host_ipv6)',
  ],
  [
    'nat POSTROUTING: out={b} src-type=local -> masquerade',
    'host',
    "what the host sends into {b} gets the bridge's address as its source (no userland proxy)",
  ],
  [
    'nat POSTROUTING: out={b} src-type=local -> snat {to}',
    'host',
    'what the host sends into {b} gets {to} as its source (no userland proxy)',
  ],
  [
    'nat POSTROUTING: src={a} dst={a} proto={p} dport={port} -> masquerade',
    'neighbours',
    'lets {a} reach its own published {p} port {port}: what it sends itself gets the address of the host as its source',
    'known',
  ],
  ...publishedPorts('nat DOCKER'),
]);

const skip = entries(
  'docker',
  ['pairs', 'stages', 'ext-bridges', 'forward'],
  [
    [
      'nat DOCKER: in={b} -> return',
      'nothing',
      'what {b} sends to published ports of the host is not turned here: the userland proxy takes it',
    ],
  ],
);

const rawPerAddress = entries('docker', ownForward, [
  [
    'raw PREROUTING: dst={a} in!={b} -> drop',
    'isolates',
    'stops what goes straight to {a} and does not come from {b}: from other networks and from outside',
  ],
]);
const raw = entries('docker', since28, [
  [
    'raw PREROUTING: dst={a} in!=lo proto={p} dport={port} -> drop',
    'inbound',
    'stops what comes to {p} port {port} of {a} from anywhere but the host: the port is published there only',
    'known',
  ],
  [
    'raw PREROUTING: dst={a} in=loopback0 proto={p} dport={port} -> accept',
    'inbound',
    'lets Windows reach {p} port {port} of {a} (WSL2, mirrored network)',
    'known',
  ],
  [
    'raw PREROUTING: dst={a} in={if} -> accept',
    'inbound',
    'lets what comes from {ifs} go straight to {a} (trusted_host_interfaces)',
    'known',
  ],
]);
const rawPerPort = entries(
  'docker',
  ['ext-bridges', 'forward'],
  [
    [
      'raw PREROUTING: dst={a} in!={b} proto={p} dport={port} -> drop',
      'isolates',
      'stops what goes straight to {p} port {port} of {a} and does not come from {b}: a published port is reached by the host',
    ],
  ],
);

const mangle = entries('docker', all, [
  [
    'mangle POSTROUTING: proto=sctp sport={port} -> checksum',
    'nothing',
    'fills in the checksum of SCTP packets from port {port}, a published one, which the network card would have done',
    'known',
  ],
]);

/** Inside a container: its embedded resolver. */
const resolver = entries('docker', all, [
  ['nat OUTPUT: dst=127.0.0.11 -> jump DOCKER_OUTPUT', 'calls', "inside a container: lookups go to Docker's resolver"],
  [
    'nat POSTROUTING: dst=127.0.0.11 -> jump DOCKER_POSTROUTING',
    'calls',
    "inside a container: answers come from Docker's resolver",
  ],
  [
    'nat DOCKER_OUTPUT: dst=127.0.0.11 proto={p} dport=53 -> dnat {to}',
    'new-destination',
    "inside a container: turns lookups by {p} to Docker's resolver",
  ],
  [
    'nat DOCKER_POSTROUTING: src=127.0.0.11 proto={p} sport={port} -> snat :53',
    'new-source',
    'inside a container: answers by {p} come from port 53',
  ],
]);

export const dockerIptables: readonly Entry[] = [
  ...user,
  ...forwardTo27,
  ...pairs,
  ...callStages,
  ...routedStages,
  ...stages,
  ...extBridges,
  ...extForward,
  ...dockerForward,
  ...callStagesFromForward,
  ...internal29,
  ...ports,
  ...closed,
  ...nat,
  ...skip,
  ...rawPerAddress,
  ...rawPerPort,
  ...raw,
  ...mangle,
  ...resolver,
];
