import { targetOf } from '../../evaluate/evaluate.ts';
import type { Packet } from '../../evaluate/verdict.ts';
import { type Address, formatAddress } from '../../ip/address.ts';
import { setIncludes } from '../../ip/address-set.ts';
import { cloudMetadataSet, internetSet, multicastSet, privateSet } from '../../ip/registry.ts';
import { formatL4 } from '../../policy/format.ts';
import { addressesOf, groupsOf } from '../../ruleset/clause.ts';
import type { Clause, Ruleset } from '../../ruleset/ruleset.ts';
import type { WorldIndex } from '../../ruleset/world-index.ts';
import { workloadName } from '../../world/workload.ts';
import { entriesOf } from '../reach.ts';
import { placeOf } from './place.ts';

/** Why entries that people expect to match do not: what the destination is, and what of an entry is near it. */
export function hintsFor(
  packet: Packet,
  tried: readonly Clause[],
  ruleset: Ruleset,
  index: WorldIndex,
): readonly string[] {
  return [...nature(packet, tried, index), ...nearMisses(packet, tried, ruleset)];
}

function nature({ to }: Packet, tried: readonly Clause[], index: WorldIndex): readonly string[] {
  const text = formatAddress(to);
  const place = placeOf(to, index);
  switch (place.kind) {
    case 'container':
      return [
        `${text} is ${workloadName(place.container)}; between containers an entry counts by name, not by address`,
      ];
    case 'host':
      return [`${text} is an address of the Docker host, which only "host" or "gateway" allow`];
    case 'broadcast':
      return [`${text} is the broadcast of a subnet, which only "multicast" allows to who is on it`];
    case 'vacant':
      return [
        `nobody has ${text}${place.network === undefined ? '' : ` on ${place.network.name}`}; ` +
          'between containers an entry counts by name, not by address',
      ];
    case 'elsewhere':
      return kindOf(to, entriesOf(tried));
  }
}

function kindOf(to: Address, entries: readonly string[]): readonly string[] {
  const text = formatAddress(to);
  const internet = entries.some((entry) => /^internet($|[:/])/.test(entry));
  if (setIncludes(cloudMetadataSet, to)) return [`${text} is where a cloud answers its instances ("cloud-metadata")`];
  if (internet && setIncludes(privateSet, to)) return [`${text} is private; "internet" is public addresses only`];
  if (setIncludes(multicastSet, to)) return [`${text} is multicast or broadcast ("multicast")`];
  if (internet && !setIncludes(internetSet, to))
    return [`${text} is set aside by IANA for special use; "internet" does not have it`];
  return [];
}

/** Entries that have the address and not the port or protocol. */
function nearMisses(packet: Packet, tried: readonly Clause[], ruleset: Ruleset): readonly string[] {
  const groups = groupsOf(ruleset);
  const { plane, address } = targetOf(ruleset, packet);
  const near = tried.filter(
    (clause) => clause.plane === plane && clause.l4 !== 'any' && setIncludes(addressesOf(clause, groups), address),
  );
  return entriesOf(near).map((entry) => {
    const allowed = [...new Set(near.filter((clause) => clause.entry === entry).map(({ l4 }) => formatL4(l4)))];
    return `"${entry}" has ${formatAddress(address)} for ${allowed.join(', ')} only`;
  });
}
