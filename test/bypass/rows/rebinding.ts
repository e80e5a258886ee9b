import { freshToken } from '../../../lab/probe.ts';
import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import type { Row, Sighting } from '../row.ts';

const who = 'app/app';

/** Names that the lab's resolver answers with addresses inside (lab/world.ts). */
const names = [
  { name: 'metadata.rebind.lab', address: places.metadata.v4 },
  { name: 'private.rebind.lab', address: places.private.v4 },
];

/** Asks the resolver, which has to answer with Sluice as without, and then connects to what it said. */
async function byName(site: Site): Promise<readonly Sighting[]> {
  const seen: Sighting[] = [];
  for (const { address, name } of names) {
    const { stdout, stderr } = await site.host.exec(who, ['ping', '-c', '1', '-W', '1', name]);
    if (!stdout.includes(`(${address})`)) throw new Error(`${name} is not ${address} to ${who}: ${stdout}${stderr}`);
    const token = freshToken();
    await site.host.exec(who, ['wget', '-T', '2', '-O', '-', `http://${name}/${token}`]);
    const arrived = await site.arrivedAnywhere(token);
    seen.push({ what: `${who}: http://${name}, which is ${address}`, at: arrived ? ['a far host'] : [] });
  }
  return seen;
}

export const rebinding: Row = {
  number: 8,
  title: 'a name that turns to an address inside',
  tries:
    'The resolver is allowed and answers a name of the attacker’s with the address of cloud metadata, or of a private host.',
  is: {
    state: 'closed',
    under: [
      {
        policy: `version: 1
guardrails: { deny: [cloud-metadata] }
projects:
  app: { allow: [internet, "${places.dns.v4}:53/tcp+udp"] }
`,
        allowed: [{ from: who, to: places.internet.v4, port: 443 }],
      },
    ],
    attempt: ({ site }) => byName(site),
  },
};
