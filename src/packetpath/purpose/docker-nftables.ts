import { type Entry, entries, type Line } from './entry.ts';
import { publishedPorts } from './published-ports.ts';

/**
 * Docker's own nftables tables since 29.0 (`drivers/bridge/internal/nftabler/`, `integration/network/bridge/nftablesdoc/`),
 * and the resolver's inside a container. Docker writes comments; they are not looked at, since anybody can.
 */
const ports = 'goes through nat-prerouting-and-output, which knows the published ports';
const inAt = 'docker-bridges filter-forward-in__{b}';
const outAt = 'docker-bridges filter-forward-out__{b}';
const rawAt = 'docker-bridges raw-PREROUTING';

const bases: readonly Line[] = [
  [
    'docker-bridges filter-FORWARD: -> vmap out filter-forward-in-jumps',
    'calls',
    "what goes into a network of Docker goes through that network's filter-forward-in chain",
  ],
  [
    'docker-bridges filter-FORWARD: -> vmap in filter-forward-out-jumps',
    'calls',
    "what a network of Docker sends goes through that network's filter-forward-out chain",
  ],
  [
    'docker-bridges nat-POSTROUTING: -> vmap in nat-postrouting-out-jumps',
    'calls',
    "what a network of Docker sends goes through that network's nat-postrouting-out chain",
  ],
  [
    'docker-bridges nat-POSTROUTING: -> vmap out nat-postrouting-in-jumps',
    'calls',
    "what goes into a network of Docker goes through that network's nat-postrouting-in chain",
  ],
  [
    'docker-bridges nat-PREROUTING: dst-type=local -> jump nat-prerouting-and-output',
    'calls',
    `what arrives for an address of the host ${ports}`,
  ],
  [
    'docker-bridges nat-OUTPUT: dst!=127.0.0.0/8 dst-type=local -> jump nat-prerouting-and-output',
    'host',
    `what the host sends to an address of its own, loopback apart, ${ports}`,
  ],
  [
    'docker-bridges nat-OUTPUT: dst!=::1/128 dst-type=local -> jump nat-prerouting-and-output',
    'host',
    `what the host sends to an address of its own, loopback apart, ${ports}`,
  ],
  [
    'docker-bridges nat-OUTPUT: dst-type=local -> jump nat-prerouting-and-output',
    'host',
    `what the host sends to an address of its own ${ports} (no userland proxy)`,
  ],
];

const into: readonly Line[] = [
  [
    `${inAt}: ct=established,related -> accept`,
    'replies',
    'lets into {b} what belongs to conversations that exist already, such as replies to its containers',
  ],
  [`${inAt}: mark={m} -> accept`, 'inbound', 'lets into {b} whatever carries mark {m} (--bridge-accept-fwmark)'],
  [`${inAt}: in={b} -> accept`, 'neighbours', 'lets containers on {b} reach each other'],
  [`${inAt}: in={b} -> drop`, 'neighbours', 'keeps containers on {b} from each other (icc=false)'],
  [
    `${inAt}: dst={a} proto={p} dport={port} -> accept`,
    'inbound',
    'lets {p} from outside {b} reach {a} on port {port}: a published port',
  ],
  [`${inAt}: proto=icmp -> accept`, 'inbound', 'lets ICMP into {b} (gateway mode routed)'],
  [`${inAt}: proto=icmpv6 -> accept`, 'inbound', 'lets ICMPv6 into {b} (gateway mode routed)'],
  [`${inAt}: in!={b} -> drop`, 'isolates', '{b} is internal: stops what comes into it from outside'],
  [
    `${inAt}: -> accept`,
    'neighbours',
    'lets containers on {b} reach each other: nothing else comes this far',
    'internal',
  ],
  [`${inAt}: -> drop`, 'neighbours', 'keeps containers on {b} from each other (icc=false)', 'internal'],
  [`${inAt}: -> drop`, 'inbound', 'stops everything else towards {b}: ports that are not published', 'open'],
  [
    `${inAt}: -> accept`,
    'inbound',
    'lets everything else into {b}: its ports are not protected (gateway mode nat-unprotected)',
    'open',
  ],
];

const out: readonly Line[] = [
  [
    `${outAt}: ct=established,related -> accept`,
    'replies',
    'lets {b} go on with conversations that exist already, such as replies to what came in',
  ],
  [`${outAt}: -> accept`, 'lets-out', 'lets {b} send anywhere: nothing limits where to'],
  [`${outAt}: out!={b} -> drop`, 'stops', '{b} is internal: stops whatever it sends elsewhere'],
];

const nat: readonly Line[] = [
  [
    'docker-bridges nat-postrouting-out__{b}: out!={b} src={n} -> masquerade',
    'new-source',
    "what leaves {b} ({n}) gets the host's address as its source",
  ],
  [
    'docker-bridges nat-postrouting-out__{b}: out!={b} src={n} -> snat {to}',
    'new-source',
    'what leaves {b} ({n}) gets {to} as its source (host_ipv4, host_ipv6)',
  ],
  [
    'docker-bridges nat-postrouting-in__{b}: src-type=local -> masquerade',
    'host',
    "what the host sends into {b} gets the bridge's address as its source (no userland proxy)",
  ],
  [
    'docker-bridges nat-postrouting-in__{b}: src-type=local -> snat {to}',
    'host',
    'what the host sends into {b} gets {to} as its source (no userland proxy)',
  ],
  [
    'docker-bridges nat-postrouting-in__{b}: src={a} dst={a} proto={p} dport={port} -> masquerade',
    'neighbours',
    'lets {a} reach its own published {p} port {port}: what it sends itself gets the address of the host as its source',
  ],
  ...publishedPorts('docker-bridges nat-prerouting-and-output'),
];

const direct = 'stops what goes straight to {a} and does not come from {b}';
const raw: readonly Line[] = [
  [`${rawAt}: dst={a} in!={b} -> drop`, 'isolates', `${direct}: from other networks and from outside`],
  [`${rawAt}: dst={a} in!={b+} -> drop`, 'isolates', `${direct} or {ifs} (trusted_host_interfaces)`],
  [
    `${rawAt}: dst={n} in!={b+} -> drop`,
    'isolates',
    'stops what goes straight into {b} ({n}) and comes neither from it nor from {ifs}',
  ],
  [
    `${rawAt}: in!=lo dst={a} proto={p} dport={port} -> drop`,
    'inbound',
    'stops what comes to {p} port {port} of {a} from anywhere but the host: the port is published there only',
  ],
  [
    `${rawAt}: in=loopback0 dst={a} proto={p} dport={port} -> accept`,
    'inbound',
    'lets Windows reach {p} port {port} of {a} (WSL2, mirrored network)',
  ],
];

const resolver: readonly Line[] = [
  [
    'docker-dns dns-dnat: dst=127.0.0.11 proto={p} dport=53 -> dnat {to}',
    'new-destination',
    "inside a container: turns lookups by {p} to Docker's resolver",
  ],
  [
    'docker-dns dns-snat: src=127.0.0.11 proto={p} sport={port} -> snat :53',
    'new-source',
    'inside a container: answers by {p} come from port 53',
  ],
];

export const dockerNftables: readonly Entry[] = entries(
  'docker',
  ['nftables'],
  [...bases, ...into, ...out, ...nat, ...raw, ...resolver],
);
