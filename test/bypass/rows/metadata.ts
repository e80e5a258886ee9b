import { places } from '../../../lab/world.ts';
import { formatAddress } from '../../../src/ip/address.ts';
import { cloudMetadata } from '../../../src/ip/registry.ts';
import { bridgeOf } from '../../packets/forging.ts';
import type { Attempt } from '../../packets/support.ts';
import { allAddresses } from '../ground.ts';
import type { Held, Prepare, Row } from '../row.ts';
import { byProbes } from '../sightings.ts';

const from = 'app/app';
const addresses = cloudMetadata.map(({ prefix }) => formatAddress(prefix.address));
const onLink = addresses.filter((address) => address.startsWith('fe80:'));

/** Where a cloud answers on the link, the host does so here. */
const prepare: Prepare = async ({ site }) => {
  const bridge = await bridgeOf(site, 'app_default');
  const change = async (verb: 'add' | 'del') => {
    for (const address of onLink) await site.host.must(['ip', '-6', 'addr', verb, `${address}/64`, 'dev', bridge]);
  };
  await change('add');
  return () => change('del');
};

/** A policy that allows everything, below a guardrail. */
const guarded: Held = {
  policy: `version: 1
guardrails: { deny: [cloud-metadata] }
projects:
  app: { allow: any }
`,
  allowed: [{ from, to: places.ten.v4, port: 443 }],
};

export const cloudServices: Row = {
  number: 30,
  title: 'cloud metadata, by every address it has',
  tries:
    'The addresses where clouds hand out credentials: link-local, private and public ones, of which lists know the first.',
  is: {
    state: 'closed',
    prepare,
    under: [guarded, allAddresses],
    attempt: ({ site }) =>
      byProbes(
        site,
        addresses.flatMap((address): readonly Attempt[] => {
          const to = onLink.includes(address) ? `${address}%eth0` : address;
          return [
            { from, to, port: 80 },
            { from, to, port: 53, proto: 'udp' },
          ];
        }),
      ),
  },
};
