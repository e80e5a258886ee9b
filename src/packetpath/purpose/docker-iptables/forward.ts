import { type Entry, entries, type Line } from '../entry.ts';
import { all, ownForward } from './layouts.ts';

const replies = 'lets into {b} what belongs to conversations that exist already, such as replies to its containers';
const towards = 'everything else towards {b} goes through DOCKER, which knows the published ports';

/** What becomes of what a bridge's containers send, in the chain that has these rules. */
const sentBy = (chain: string): readonly Line[] => [
  [
    `filter ${chain}: in={b} out!={b} -> accept`,
    'lets-out',
    'lets {b} send to anywhere outside itself: nothing limits where to',
  ],
  [`filter ${chain}: in={b} out={b} -> accept`, 'neighbours', 'lets containers on {b} reach each other'],
  [`filter ${chain}: in={b} out={b} -> drop`, 'neighbours', 'keeps containers on {b} from each other (icc=false)'],
];
const sentAnywhere = (chain: string): Line => [
  `filter ${chain}: in={b} -> accept`,
  'lets-out',
  'lets {b} send anywhere, to its own containers too: nothing limits where to',
];

const user = entries('docker', all, [
  [
    'filter FORWARD: -> jump DOCKER-USER',
    'calls',
    'sends everything through DOCKER-USER, the chain for rules of your own',
  ],
  [
    'filter DOCKER-USER: -> return',
    'nothing',
    'goes back to FORWARD: the end that Docker up to 28.2.1 gave this chain',
  ],
]);

/** FORWARD as it was while each network had its rules there. */
const forwardTo27 = entries(
  'docker',
  ['pairs', 'stages'],
  [
    ['filter FORWARD: out={b} ct=established,related -> accept', 'replies', replies],
    ['filter FORWARD: out={b} -> jump DOCKER', 'inbound', towards],
    ...sentBy('FORWARD'),
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
const extForward = entries('docker', ['ext-bridges'], [sentAnywhere('FORWARD'), ...sentBy('FORWARD')]);

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
  sentAnywhere('DOCKER-FORWARD'),
  ...sentBy('DOCKER-FORWARD'),
  [
    'filter DOCKER-FORWARD: mark={m} -> accept',
    'lets-out',
    'lets through whatever carries mark {m}, from and to any network (--bridge-accept-fwmark)',
  ],
  ['filter DOCKER-CT: out={b} ct=established,related -> accept', 'replies', replies],
  ['filter DOCKER-BRIDGE: out={b} -> jump DOCKER', 'inbound', towards],
]);

/** DOCKER-USER, and what containers send and hear in FORWARD. */
export const forward: readonly Entry[] = [...user, ...forwardTo27, ...extBridges, ...extForward, ...dockerForward];
