import { type Entry, entries, type Line } from '../entry.ts';
import { ownForward } from './layouts.ts';

const internalIn = '{b} is internal: stops what comes into it from outside {n}';
const internalOut = '{b} is internal: stops whatever it sends outside {n}';

/** How a chain closes an internal network. */
const internal = (chain: string): readonly Line[] => [
  [`filter ${chain}: src!={n} out={b} -> drop`, 'isolates', internalIn],
  [`filter ${chain}: dst!={n} in={b} -> drop`, 'stops', internalOut],
];
/** The same where what stays on the bridge comes by, too. */
const internalBridged = (chain: string): readonly Line[] => [
  [`filter ${chain}: src!={n} out={b} in!={b} -> drop`, 'isolates', `${internalIn}, unless it stays on the bridge`],
  [`filter ${chain}: dst!={n} in={b} out!={b} -> drop`, 'stops', `${internalOut}, unless it stays on the bridge`],
];
const callStage1 = (chain: string): Line => [
  `filter ${chain}: -> jump DOCKER-ISOLATION-STAGE-1`,
  'calls',
  'sends everything through DOCKER-ISOLATION-STAGE-1, which keeps networks apart',
];

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
    ...internal('DOCKER-ISOLATION'),
    ['filter DOCKER-ISOLATION: -> return', 'nothing', 'goes back to FORWARD: no two networks are concerned'],
  ],
);

const callStages = entries('docker', ['stages', 'ext-bridges'], [callStage1('FORWARD')]);
const callStagesFromForward = entries('docker', ['forward'], [callStage1('DOCKER-FORWARD')]);

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

const stages = entries(
  'docker',
  ['stages', 'ext-bridges', 'forward'],
  [
    [
      'filter DOCKER-ISOLATION-STAGE-1: in={b} out!={b} -> jump DOCKER-ISOLATION-STAGE-2',
      'calls',
      'what {b} sends elsewhere must pass STAGE-2, which lets nothing into another network of Docker',
    ],
    ...internal('DOCKER-ISOLATION-STAGE-1'),
    ...internalBridged('DOCKER-ISOLATION-STAGE-1'),
    ['filter DOCKER-ISOLATION-STAGE-1: -> return', 'nothing', 'goes back: no two networks are concerned'],
    [
      'filter DOCKER-ISOLATION-STAGE-2: out={b} -> drop',
      'isolates',
      'stops what other networks send to {b}: keeps them apart',
    ],
    ['filter DOCKER-ISOLATION-STAGE-2: -> return', 'nothing', 'goes back: it leaves for no network of Docker'],
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
    ...internal('DOCKER-INTERNAL'),
    ...internalBridged('DOCKER-INTERNAL'),
  ],
);

const rawPerAddress = entries('docker', ownForward, [
  [
    'raw PREROUTING: dst={a} in!={b} -> drop',
    'isolates',
    'stops what goes straight to {a} and does not come from {b}: from other networks and from outside',
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

/** What keeps networks apart, and closes internal ones. */
export const isolation: readonly Entry[] = [
  ...pairs,
  ...callStages,
  ...callStagesFromForward,
  ...routedStages,
  ...stages,
  ...internal29,
  ...rawPerAddress,
  ...rawPerPort,
];
