import { places } from '../../../lab/world.ts';
import type { Row } from '../row.ts';
import { request, runBeside, sayTo, withPrograms } from '../run-in.ts';
import { byProbes } from '../sightings.ts';

export const engineSocket: Row = {
  number: 47,
  title: "the engine's socket",
  tries:
    "A container that may reach nothing starts another on the host's network by the engine's API, and sends from there.",
  is: {
    state: 'told',
    code: 'engine-socket',
    names: /^captain: /,
    under: { policy: 'version: 1\ncontainers: { captain: { allow: none } }\n', allowed: [] },
    prepare: async ({ site }) => {
      await runBeside(site, 'captain', [...withPrograms, '-v', '/run/docker.sock:/run/docker.sock']);
      return () => site.host.docker('rm', '-f', 'captain', 'mate');
    },
    attempt: async ({ site }) => {
      const body = JSON.stringify({ Image: 'lab/app', Cmd: ['tcp', '9999'], HostConfig: { NetworkMode: 'host' } });
      const call = (path: string, text?: string) =>
        sayTo(site, 'captain', '/run/docker.sock', request('POST', path, text));
      await call('/containers/create?name=mate', body);
      await call('/containers/mate/start');
      return byProbes(site, [
        { from: 'mate', to: places.private.v4, port: 22 },
        { from: 'mate', to: places.internet.v4, port: 443 },
      ]);
    },
  },
};
