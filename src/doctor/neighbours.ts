import type { Interval } from '../ip/interval.ts';
import { prefixInterval } from '../ip/prefix.ts';
import { shapeOf, type Term, type TermKey } from '../packetpath/purpose/terms.ts';
import { contains } from '../packetpath/walk/surroundings.ts';
import type { Network, World } from '../world/world.ts';
import type { Facts } from './facts.ts';
import type { Placed } from './rules.ts';

export type Family = 4 | 6;

/**
 * The bridge of a rule that speaks of nothing but what goes from it to itself: by interfaces (as `icc: false` makes them),
 * by addresses that all lie in its network, or by one of each. null where that is not certain.
 */
export function neighboursOf(at: Placed, world: World | null): string | null {
  const { terms } = shapeOf(at.rule, at.table.family);
  const from = sideOf('in', 'src', at, terms, world);
  return from !== null && from === sideOf('out', 'dst', at, terms, world) ? from : null;
}

/** The bridge that one side of a packet must be on. */
function sideOf(
  by: 'in' | 'out',
  address: 'src' | 'dst',
  at: Placed,
  terms: readonly Term[],
  world: World | null,
): string | null {
  const named = terms.filter(({ key }) => key === by);
  if (named.length > 0) return interfaceOf(named);
  const ranges = rangesOf(terms, address);
  const [family, ...more] = familiesOf(at);
  // a condition that is not understood may be one of interfaces: `! -i br-+` beside the addresses is against forged ones
  if (ranges === null || family === undefined || more.length > 0 || terms.some(({ key }) => key === 'foreign'))
    return null;
  const isBehind = (network: Network) =>
    ranges.every((range) => subnetsOf(network, family).some((subnet) => contains(subnet, range)));
  const network = world?.networks.find((one) => one.bridge !== null && isBehind(one));
  if (network === undefined || ranges.every((range) => isHosts(range, network))) return null;
  return network.bridge?.name ?? null;
}

function interfaceOf([term, ...more]: readonly Term[]): string | null {
  if (term === undefined || more.length > 0 || term.not || term.operand.kind !== 'words') return null;
  const [name, ...others] = term.operand.words;
  return name !== undefined && others.length === 0 ? name : null;
}

/** The addresses that a rule asks for on one side of a packet; null where it asks for none, or in another way. */
export function rangesOf(terms: readonly Term[], key: TermKey): readonly Interval[] | null {
  const [term, ...more] = terms.filter((one) => one.key === key);
  if (term === undefined || more.length > 0 || term.not) return null;
  return term.operand.kind === 'ranges' && term.operand.mask === null ? term.operand.ranges : null;
}

/** Subnets of a network, of one family. */
export function subnetsOf({ subnets }: Network, family: Family): readonly Interval[] {
  return subnets.filter(({ address }) => address.family === family).map(prefixInterval);
}

/** Whether that is an address of the host's on a network's bridge, which is nobody's neighbour. */
function isHosts({ low, high }: Interval, { gateways }: Network): boolean {
  return low === high && gateways.some(({ value }) => value === low);
}

/** Families as nft's conditions have them: 4 and 6, or the kernel's NFPROTO_IPV4 and NFPROTO_IPV6. */
const numbered: ReadonlyMap<bigint, Family> = new Map([
  [4n, 4],
  [2n, 4],
  [6n, 6],
  [10n, 6],
]);

/** Of which packets that are IP a rule may be; of none in a table of bridges, which br_netfilter has nothing to do with. */
export function familiesOf({ table, rule }: Placed): readonly Family[] {
  if (table.family === 'ip') return [4];
  if (table.family === 'ip6') return [6];
  if (table.family !== 'inet') return [];
  const ranges = rangesOf(shapeOf(rule, 'inet').terms, 'family');
  const said = ranges?.flatMap(({ low, high }) => (low === high ? (numbered.get(low) ?? []) : [])) ?? [];
  return said.length > 0 ? said : [4, 6];
}

/** Whether br_netfilter hands a bridge's frames to rules of a family; null where that is not known. */
export function bridgeCalls({ world, bridgeCalls: switches }: Facts, bridge: string, family: Family): boolean | null {
  const key = family === 4 ? 'ip' : 'ip6';
  const own = switches?.get(bridge);
  return world === null || own === undefined ? null : own[key] || world.host.bridgeNetfilter?.[key] === true;
}
