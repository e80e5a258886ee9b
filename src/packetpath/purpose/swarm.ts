import { type Entry, entries } from './entry.ts';
import type { Layout } from './types.ts';

/** Swarm's routing mesh on the host (libnetwork `service_linux.go` programIngress, moby `swarm-portmap.md`). */
const all: readonly Layout[] = ['pairs', 'stages', 'ext-bridges', 'forward', 'internal'];
const ingress = 'sends everything through DOCKER-INGRESS, where published ports of Swarm services are';

export const swarm: readonly Entry[] = entries('swarm', all, [
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
