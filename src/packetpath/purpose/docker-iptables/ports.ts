import { type Entry, entries } from '../entry.ts';
import { publishedPorts } from '../published-ports.ts';
import { all, since28 } from './layouts.ts';

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

const mangle = entries('docker', all, [
  [
    'mangle POSTROUTING: proto=sctp sport={port} -> checksum',
    'nothing',
    'fills in the checksum of SCTP packets from port {port}, a published one, which the network card would have done',
    'known',
  ],
]);

/** How published ports and links reach containers, and by which address containers are seen. */
export const publishing: readonly Entry[] = [...ports, ...closed, ...nat, ...skip, ...raw, ...mangle];
