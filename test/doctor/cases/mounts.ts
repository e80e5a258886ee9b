import { bound, factsOf, mapped, ofVolume, volumes } from '../facts.ts';
import type { Chapter } from './chapter.ts';

/** What of the host is mounted into a container. */
export const mounts: Chapter = {
  found: [
    [
      'the engine socket by a volume that is a folder of the host',
      'engine-socket',
      factsOf(ofVolume, volumes({ type: 'none', o: 'bind', device: '/run/' })),
      'app/app (app-app-1): volume data (/run) is mounted into it',
      'volumes: # without volume data (/run)',
    ],
    [
      'a file of the host',
      'host-files',
      factsOf(bound('/etc')),
      'app/app (app-app-1): /etc',
      'volumes: # /etc with :ro, or not at all',
    ],
    [
      'a folder above files of the host',
      'host-files',
      factsOf(bound('/var/lib')),
      'app/app (app-app-1): /var/lib',
      /:ro/,
    ],
    ["the kernel's switches", 'host-files', factsOf(bound('/proc')), 'app/app (app-app-1): /proc', /:ro/],
    [
      'the root of the host by a volume, without what is mounted in it',
      'host-files',
      factsOf(ofVolume, volumes({ type: 'none', o: 'bind', device: '/' })),
      'app/app (app-app-1): volume data (/)',
      /volume data/,
    ],
    [
      'the policy',
      'sluice-shared',
      factsOf(bound('/etc/sluice/policy.yaml')),
      'app/app (app-app-1): /etc/sluice/policy.yaml',
      'volumes: # without /etc/sluice/policy.yaml',
    ],
    ['the control socket', 'sluice-shared', factsOf(bound('/run/sluice', false)), /: \/run\/sluice$/, /without/],
    [
      'a socket of the host',
      'host-socket',
      factsOf(bound('/run/dbus/system_bus_socket', false), { sockets: ['/run/dbus/system_bus_socket'] }),
      'app/app (app-app-1): /run/dbus/system_bus_socket',
      'volumes: # without /run/dbus/system_bus_socket',
    ],
    [
      'files of another computer',
      'network-volume',
      factsOf(ofVolume, volumes({ type: 'nfs', o: 'addr=192.0.2.9,rw', device: ':/data' })),
      'app/app (app-app-1): volume data, nfs :/data at 192.0.2.9',
      '',
    ],
  ],
  quiet: [
    ['a file of the host, of whoever has no users of the host', factsOf(bound('/etc'), mapped)],
    ['a file of the host for reading', factsOf(bound('/etc', false))],
    ['a folder beside those of the host', factsOf(bound('/etcetera'))],
    ['the policy for reading', factsOf(bound('/etc/sluice', false))],
    ['a volume of an unknown driver', factsOf(ofVolume, volumes({ o: 'bind', device: '/' }, 'plugin'))],
    ['a volume of a folder of no interest', factsOf(ofVolume, volumes({ o: 'bind', device: '/srv' }))],
    ['a volume in memory', factsOf(ofVolume, volumes({ type: 'tmpfs', device: 'tmpfs' }))],
    ['a volume that nobody knows', factsOf(ofVolume)],
    ['a mount that is no socket', factsOf(bound('/srv/data'), { sockets: [] })],
  ],
};
