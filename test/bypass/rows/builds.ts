import { freshToken } from '../../../lab/probe.ts';
import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import type { Row, Sighting } from '../row.ts';

/**
 * What RUN of a build sends: of the classic builder, on the network that builds have or on the project's, or of BuildKit,
 * whose containers are none of the engine's and which knows no other network.
 */
async function build(site: Site, network: 'default' | 'app_default' | 'BuildKit'): Promise<readonly Sighting[]> {
  const targets = [places.internet.v4, places.private.v4].map((to) => ({ to, token: freshToken() }));
  const runs = targets.map(
    ({ to, token }) =>
      `RUN ["/labtool", "stream", "udp", "${to}", "9999", "--rate", "50", "--seconds", "0.1", "--token", "${token}"]\n`,
  );
  site.host.write('/srv/build/Dockerfile', `FROM lab/app\n${runs.join('')}`);
  site.host.write('/srv/build/docker-compose.yml', 'services: { built: { build: . } }\n');
  const isKit = network === 'BuildKit';
  const classic = ['build', '--no-cache', '--network', network, '.'];
  // from 23 on the client has BuildKit in a part that Debian packs by itself; Compose has it in it
  const kit = site.host.engine === '20.10' ? ['build', '--no-cache', '.'] : ['compose', 'build', '--no-cache'];
  const done = await site.host.run(['docker', ...(isKit ? kit : classic)], {
    env: { DOCKER_BUILDKIT: isKit ? '1' : '0' },
    cwd: '/srv/build',
  });
  if (done.code !== 0) throw new Error(`docker build: ${done.stderr}`);
  const seen: Sighting[] = [];
  const where = isKit ? 'of BuildKit' : `on network ${network}`;
  for (const { to, token } of targets) {
    const arrived = await site.arrivedAnywhere(token);
    seen.push({ what: `RUN ${where} → ${to}:9999/udp`, at: arrived ? ['a far host'] : [] });
  }
  return seen;
}

export const runs: Row = {
  number: 60,
  title: 'docker build',
  tries:
    "RUN in a Dockerfile sends from a container nobody knows, the classic builder's or BuildKit's: `defaults.build: deny` closes it. The engine's own pulls of base images are outside.",
  outside: 'the-engines-own-traffic',
  is: {
    state: 'closed',
    under: [
      {
        policy: `version: 1
defaults: { build: deny }
projects:
  app: { allow: [internet] }
`,
        allowed: [{ from: 'app/app', to: places.internet.v4, port: 443 }],
      },
    ],
    attempt: async ({ site }) => [
      ...(await build(site, 'default')),
      ...(await build(site, 'app_default')),
      ...(await build(site, 'BuildKit')),
    ],
  },
};
