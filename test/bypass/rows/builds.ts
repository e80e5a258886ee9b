import { freshToken } from '../../../lab/probe.ts';
import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import type { Row, Sighting } from '../row.ts';

/** What RUN of a build sends, on the network that builds have and on the project's. */
async function build(site: Site, network: string): Promise<readonly Sighting[]> {
  const targets = [places.internet.v4, places.private.v4].map((to) => ({ to, token: freshToken() }));
  const runs = targets.map(
    ({ to, token }) =>
      `RUN ["/labtool", "stream", "udp", "${to}", "9999", "--rate", "50", "--seconds", "0.1", "--token", "${token}"]\n`,
  );
  site.host.write('/srv/build/Dockerfile', `FROM lab/app\n${runs.join('')}`);
  const command = ['docker', 'build', '--no-cache', '--network', network, '/srv/build'];
  const done = await site.host.run(command, { env: { DOCKER_BUILDKIT: '0' } });
  if (done.code !== 0) throw new Error(`docker build: ${done.stderr}`);
  const seen: Sighting[] = [];
  for (const { to, token } of targets) {
    const arrived = await site.arrivedAnywhere(token);
    seen.push({ what: `RUN on network ${network} → ${to}:9999/udp`, at: arrived ? ['a far host'] : [] });
  }
  return seen;
}

export const runs: Row = {
  number: 60,
  title: 'docker build',
  tries: "RUN in a Dockerfile sends from a container nobody knows. The engine's own pulls of base images are outside.",
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
    attempt: async ({ site }) => [...(await build(site, 'default')), ...(await build(site, 'app_default'))],
  },
};
