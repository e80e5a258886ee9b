import { api, factsOf, mapped, one } from '../facts.ts';
import type { Chapter } from './chapter.ts';

/** What a container may do to the host and the engine. */
export const powers: Chapter = {
  found: [
    [
      'the engine socket',
      'engine-socket',
      factsOf(one({ powers: { engineSockets: ['/run/docker.sock'] } })),
      'app/app (app-app-1): /run/docker.sock is mounted into it',
      'volumes: # without /run/docker.sock',
    ],
    [
      'an engine that anybody may call',
      'engine-on-network',
      factsOf({}, api('tcp://0.0.0.0:2375', false)),
      'dockerd listens on tcp://0.0.0.0:2375',
      '/etc/docker/daemon.json: "tlsverify": true, with tlscacert, tlscert and tlskey',
    ],
    [
      "the host's processes",
      'host-processes',
      factsOf(one({ powers: { hostProcesses: true } })),
      'app/app (app-app-1): pid host',
      'pid: "" # in place of host',
    ],
    [
      "another container's processes",
      'others-processes',
      factsOf(one({ powers: { processesOf: 'shop-web-1' } })),
      'app/app (app-app-1): processes of shop-web-1',
      'pid: "" # in place of service: or container:',
    ],
    [
      'labels of an image',
      'image-labels',
      factsOf(one({ imageLabels: ['sluice.allow'] })),
      'app/app (app-app-1): sluice.allow of image image',
      '',
    ],
    [
      'privileged',
      'privileged',
      factsOf(one({ powers: { privileged: true } })),
      'app/app (app-app-1): privileged',
      'privileged: false',
    ],
    [
      'all capabilities',
      'privileged',
      factsOf(one({ powers: { capabilities: ['ALL', 'NET_RAW'] } })),
      /: cap_add ALL$/,
      'privileged: false',
    ],
    [
      'a capability that is the host',
      'privileged',
      factsOf(one({ powers: { capabilities: ['DAC_READ_SEARCH', 'SYS_ADMIN'] } })),
      /: cap_add DAC_READ_SEARCH, cap_add SYS_ADMIN$/,
      'privileged: false',
    ],
    [
      'NET_ADMIN',
      'net-admin',
      factsOf(one({ powers: { capabilities: ['NET_ADMIN'] } })),
      'app/app (app-app-1): cap_add NET_ADMIN',
      'cap_drop: [NET_ADMIN] # in place of cap_add',
    ],
    [
      "the host's users",
      'host-users',
      factsOf(one({ powers: { hostUsers: true } }), {
        engine: { firewallBackend: null, mapsUsers: true, dataFolder: null },
      }),
      /userns_mode host/,
      'userns_mode: "" # in place of host',
    ],
  ],
  quiet: [
    [
      'the engine’s socket, of whoever has no users of the host',
      factsOf(one({ powers: { engineSockets: ['/run'] } }), mapped),
    ],
    [
      'a capability, of whoever has no users of the host',
      factsOf(one({ powers: { capabilities: ['SYS_ADMIN'] } }), mapped),
    ],
    ['an engine that asks for certificates', factsOf({}, api('tcp://0.0.0.0:2376', false, true))],
    ['an engine on the loopback', factsOf({}, api('tcp://127.0.0.1:2375', true))],
    ['a capability of no interest', factsOf(one({ powers: { capabilities: ['SYS_NICE'] } }))],
    ['NET_ADMIN over users of its own alone', factsOf(one({ powers: { capabilities: ['NET_ADMIN'] } }), mapped)],
    ['NET_ADMIN, where the kernel says so', factsOf(one({ powers: { capabilities: ['NET_ADMIN'], mapped: true } }))],
    ["the host's users, where none are mapped", factsOf(one({ powers: { hostUsers: true } }))],
  ],
};
