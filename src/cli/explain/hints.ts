import { targetOf } from '../../evaluate/evaluate.ts';
import type { Packet } from '../../evaluate/verdict.ts';
import { formatAddress } from '../../ip/address.ts';
import { setIncludes } from '../../ip/address-set.ts';
import { cloudMetadataSet, internetSet, privateSet } from '../../ip/registry.ts';
import { formatL4 } from '../../policy/format.ts';
import { addressesOf, groupsOf } from '../../ruleset/clause.ts';
import type { Clause, Ruleset } from '../../ruleset/ruleset.ts';
import type { WorldIndex } from '../../ruleset/world-index.ts';
import { workloadName } from '../../world/workload.ts';
import { entriesOf } from '../reach.ts';

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
  const entries = entriesOf(tried);
  const holder = index.containers.find((container) => setIncludes(index.addressesOf(container), to));
  if (holder !== undefined)
    return [`${text} is ${workloadName(holder)}; between containers an entry counts by name, not by address`];
  if (setIncludes(index.hostAddresses, to))
    return [`${text} is an address of the Docker host, which only "host" or "gateway" allow`];
  if (setIncludes(cloudMetadataSet, to)) return [`${text} is where a cloud answers its instances ("cloud-metadata")`];
  const internet = entries.some((entry) => /^internet($|[:/])/.test(entry));
  if (internet && setIncludes(privateSet, to)) return [`${text} is private; "internet" is public addresses only`];
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
