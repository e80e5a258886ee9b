/** What somebody else may do to our rules in iptables, ipset and ebtables, and how to tell when it is put back. */
import type { BackendName } from '../../src/enforce/backend.ts';

/** One such deed. */
export interface Deed {
  readonly name: string;
  /** As commands of the Docker host. */
  readonly commands: (backend: BackendName) => readonly (readonly string[])[];
  /** What puts right what is not ours, and so is left alone by the daemon. */
  readonly after?: (backend: BackendName) => readonly (readonly string[])[];
  /** It lets pass what the policy denies, or stops what it allows: a bridge that is not held is an unknown one, which is denied. */
  readonly effect: 'opens' | 'stops';
  /** Tables and sets of which the daemon says one at least was changed. */
  readonly told: readonly [string, ...string[]];
}

/** Whichever generation of it stands by now. */
const eachOf = (set: string, command: string): readonly string[] => [
  'sh',
  '-ec',
  `for set in $(ipset list -n | grep "^${set}[.]"); do ${command}; done`,
];
const ours = 'DOCKER-OUTBOUND-FILTER';

export const deeds: readonly [Deed, ...Deed[]] = [
  {
    name: 'its tables emptied',
    commands: (backend) => ['raw', 'mangle', 'security'].map((table) => [backend, '-t', table, '-F']),
    effect: 'opens',
    told: ['iptables raw', 'iptables mangle', 'iptables security'],
  },
  {
    name: 'all of mangle emptied',
    commands: (backend) => [[backend, '-t', 'mangle', '-F']],
    effect: 'stops',
    told: ['iptables mangle'],
  },
  {
    name: 'the set of held bridges emptied',
    commands: () => [eachOf('sluice-bridges4', 'ipset flush "$set"')],
    effect: 'stops',
    told: ['ipset sluice-bridges4'],
  },
  {
    name: 'one bridge taken out of the set of those that are held',
    commands: () => [
      eachOf(
        'sluice-bridges4',
        'ipset save "$set" | sed -n "s/^add/del/p" > /tmp/elements; test -s /tmp/elements; ipset restore -f /tmp/elements',
      ),
    ],
    effect: 'stops',
    told: ['ipset sluice-bridges4'],
  },
  {
    name: 'rules of ebtables emptied',
    commands: () => ['nat', 'filter'].map((table) => ['ebtables-nft', '-t', table, '-F']),
    effect: 'stops',
    told: ['ebtables nat', 'ebtables filter'],
  },
  {
    name: 'a jump moved behind an accept',
    commands: (backend) => [
      [backend, '-t', 'mangle', '-I', 'FORWARD', '-j', 'ACCEPT'],
      [backend, '-t', 'mangle', '-D', 'FORWARD', '-j', ours],
      [backend, '-t', 'mangle', '-A', 'FORWARD', '-j', ours],
    ],
    after: (backend) => [[backend, '-t', 'mangle', '-D', 'FORWARD', '-j', 'ACCEPT']],
    effect: 'stops',
    told: ['iptables mangle'],
  },
];
