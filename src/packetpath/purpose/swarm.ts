import { type Entry, entries } from './entry.ts';
import type { Layout } from './types.ts';

/** Swarm's routing mesh on the host (libnetwork `service_linux.go` programIngress, moby `swarm-portmap.md`). */
const all: readonly Layout[] = ['pairs', 'stages', 'ext-bridges', 'forward', 'internal'];
const ingress = 'sends everything through DOCKER-INGRESS, where published ports of Swarm services are';

const host = entries('swarm', all, [
  ['filter FORWARD: -> jump DOCKER-INGRESS', 'calls', ingress],
  ['filter DOCKER-FORWARD: -> jump DOCKER-INGRESS', 'calls', ingress],
  [
    'filter DOCKER-INGRESS: proto={p} dport={port} -> accept',
    'lets-out',
    'lets {p} to port {port} through, the port of a Swarm service: whoever sends it and wherever it goes',
  ],
  [
    'filter DOCKER-INGRESS: proto={p} sport={port} ct=established,related -> accept',
    'replies',
    'lets {p} from port {port} go on in conversations that exist already: what the Swarm service there answers',
  ],
  ['filter DOCKER-INGRESS: -> return', 'nothing', 'goes back: no port of a Swarm service is concerned'],
  [
    'nat PREROUTING: dst-type=local -> jump DOCKER-INGRESS',
    'calls',
    'what arrives for an address of the host goes through DOCKER-INGRESS, which knows the ports of Swarm services',
  ],
  [
    'nat OUTPUT: dst-type=local -> jump DOCKER-INGRESS',
    'host',
    'what the host sends to an address of its own goes through DOCKER-INGRESS, which knows the ports of Swarm services',
  ],
  [
    'nat DOCKER-INGRESS: proto={p} dport={port} -> dnat {to}',
    'new-destination',
    'turns {p} to port {port} of the host to {to}, where Swarm spreads it over the tasks of a service',
  ],
  ['nat DOCKER-INGRESS: -> return', 'nothing', 'goes back: no port of a Swarm service is concerned'],
  [
    'nat POSTROUTING: out=docker_gwbridge src-type=local -> masquerade',
    'host',
    "what the host sends to Swarm's routing mesh gets the bridge's address as its source",
  ],
]);

/**
 * Encrypted overlay networks (libnetwork `drivers/overlay/encryption.go`, programMangle and programInput): VXLAN packets
 * of such a network, told by its number, are marked for IPsec, and taken only as IPsec.
 */
const encrypted = entries('swarm', all, [
  [
    'mangle OUTPUT: proto=udp dport={port} module=vni -> mark 0xd0c4e3',
    'host',
    'marks what the host sends to others of an encrypted overlay network, so that IPsec takes it',
  ],
  [
    'filter INPUT: module=ipsec proto=udp dport={port} module=vni -> accept',
    'inbound',
    'lets in what comes from others of an encrypted overlay network as IPsec',
  ],
  [
    'filter INPUT: proto=udp dport={port} module=vni -> drop',
    'inbound',
    'stops what claims to come from an encrypted overlay network and is not IPsec',
  ],
]);

/** Inside the namespace of the routing mesh or of a service's load balancer (`service_linux.go` configureFWMark). */
const mesh = entries('swarm', all, [
  [
    'nat POSTROUTING: dst={n} module=ipvs -> snat {to}',
    'new-source',
    "inside Swarm's routing mesh: what is spread over the tasks in {n} gets {to} as its source, so that replies come back",
  ],
  [
    'mangle PREROUTING: proto={p} dport={port} -> mark',
    'nothing',
    "inside Swarm's routing mesh: marks {p} to port {port} as a service's, for IPVS to spread",
    'mesh',
  ],
  [
    'mangle INPUT: dst={a} -> mark',
    'nothing',
    "inside Swarm's routing mesh: marks what goes to {a}, the address of a service, for IPVS to spread",
    'mesh',
  ],
  [
    'mangle OUTPUT: dst={a} -> mark',
    'nothing',
    "inside Swarm's routing mesh: marks what goes to {a}, the address of a service, for IPVS to spread",
    'mesh',
  ],
]);

export const swarm: readonly Entry[] = [...host, ...encrypted, ...mesh];
