import type { Site } from '../../../lab/site.ts';
import { hostAddress, places } from '../../../lab/world.ts';
import type { Attempt } from '../../packets/support.ts';
import { allAddresses } from '../ground.ts';
import type { Prepare, Row } from '../row.ts';
import { byProbes } from '../sightings.ts';

/** The private host and the metadata service, as their IPv4 addresses stand inside IPv6 addresses. */
const hex = (address: string) =>
  address
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('')
    .replace(/^(....)(....)$/, '$1:$2');
const embedded = [places.private.v4, places.metadata.v4].flatMap((address) => [
  `64:ff9b::${hex(address)}`, // NAT64 (RFC 6052)
  `64:ff9b:1::${hex(address)}`, // NAT64 for local use (RFC 8215)
  `2002:${hex(address)}::1`, // 6to4 (RFC 3056)
  `2001:0:${hex(address)}::1`, // Teredo (RFC 4380): its server
  `::${hex(address)}`, // IPv4-compatible (RFC 4291, deprecated)
]);

/** An operator's translator stands in the internet: it takes what has these prefixes. */
const prefixes = ['64:ff9b::/96', '64:ff9b:1::/48', '::/96'];

const prepare: Prepare = async ({ site }) => {
  const route = (verb: 'replace' | 'del') => translator(site, verb);
  await route('replace');
  return () => route('del');
};

async function translator(site: Site, verb: 'replace' | 'del'): Promise<void> {
  const links = JSON.parse(await site.router.must(['ip', '-json', '-6', 'route', 'get', places.internet.v6])) as {
    gateway: string;
  }[];
  for (const prefix of prefixes) {
    await site.router.must(['ip', '-6', 'route', verb, prefix, 'via', links[0]?.gateway ?? '']);
    await site.router.must(['ip', '-6', 'route', verb, 'local', prefix, 'dev', 'lo'], { netns: 'internet' });
  }
}

export const embeddedAddresses: Row = {
  number: 24,
  title: 'IPv4 addresses inside IPv6 addresses',
  tries:
    'NAT64, 6to4, Teredo, IPv4-compatible and IPv4-mapped forms of denied addresses: public to a list of IPv6 prefixes, and turned back behind it.',
  is: {
    state: 'closed',
    prepare,
    under: [
      {
        policy: `version: 1
guardrails: { deny: [cloud-metadata] }
projects:
  app: { allow: [internet] }
`,
        allowed: allAddresses.allowed.filter(({ to }) => to === places.internet.v4),
      },
      {
        policy: `version: 1
guardrails: { deny: [cloud-metadata, private, internet] }
projects:
  app: { allow: any }
`,
        allowed: [{ from: 'app/app', to: hostAddress.v4, port: 9000, proto: 'udp' }],
      },
    ],
    attempt: ({ site }) =>
      byProbes(site, [
        ...embedded.flatMap((to): readonly Attempt[] => [
          { from: 'app/app', to, port: 80 },
          { from: 'app/app', to, port: 514, proto: 'udp' },
        ]),
        // the kernel sends these as IPv4
        ...[places.private.v4, places.metadata.v4].map(
          (address): Attempt => ({ from: 'app/app', to: `::ffff:${address}`, port: 80 }),
        ),
      ]),
  },
};
