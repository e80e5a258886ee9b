import { type Entry, entries } from '../entry.ts';
import { all } from './layouts.ts';

/** Inside a container: its embedded resolver. */
export const resolver: readonly Entry[] = entries('docker', all, [
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
