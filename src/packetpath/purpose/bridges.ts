import type { World } from '../../world/world.ts';
import type { Listing, Table } from '../model.ts';
import { isDockerChain } from './layout.ts';
import { type Shape, shapeOf } from './terms.ts';

/** What a listing and the engine say of Docker's networks, to tell its rules from those that only look alike. */
export interface Ground {
  isBridge(name: string): boolean;
  /** Whether rules of Docker's speak of an address as one of theirs, or a container has it. */
  isKnown(family: Table['family'], address: bigint): boolean;
  /** Whether docker-bridges stops what a bridge sends elsewhere. */
  isInternal(bridge: string): boolean;
  /** Whether packets that IPVS spreads over Swarm's tasks get a new source here. */
  readonly isMesh: boolean;
}

/** Names that Docker itself gives to bridges. */
const given = /^(docker0|docker_gwbridge|br-[0-9a-f]{12})$/;

/**
 * Gathers from every table what Docker's own rules say of bridges and addresses, and from the world what the engine does.
 *
 * @param world null where no engine was asked: then only names that Docker gives itself and what the rules show are known
 */
export function groundOf(listing: Listing, world: World | null): Ground {
  const bridges = new Set(world?.networks.flatMap(({ bridge }) => (bridge === null ? [] : [bridge.name])) ?? []);
  const known = new Set(
    world?.containers.flatMap(({ endpoints }) =>
      endpoints.flatMap(({ addresses }) =>
        addresses.map(({ family, value }) => `${family === 4 ? 'ip' : 'ip6'} ${value}`),
      ),
    ) ?? [],
  );
  const internal = new Set<string>();
  const rules = listing.tables.flatMap(rulesOf);
  for (const { table, chain, shape } of rules) {
    for (const name of bridgesIn(table.name, chain, shape)) bridges.add(name);
    if (table.name === 'docker-bridges' && chain.startsWith(outgoing) && shape.effect?.kind === 'drop')
      internal.add(chain.slice(outgoing.length));
  }
  const isBridge = (name: string) => bridges.has(name) || given.test(name);
  for (const { table, chain, shape } of rules)
    for (const address of addressesIn(table.name, chain, shape, isBridge)) known.add(`${table.family} ${address}`);
  return {
    isBridge,
    isKnown: (family, address) => known.has(`${family} ${address}`),
    isInternal: (bridge) => internal.has(bridge),
    isMesh: rules.some(
      ({ table, chain, shape: { terms, effect } }) =>
        table.name === 'nat' &&
        chain === 'POSTROUTING' &&
        effect?.kind === 'snat' &&
        terms.some(({ key }) => key === 'module'),
    ),
  };
}

interface ShapedRule {
  readonly table: Table;
  readonly chain: string;
  readonly shape: Shape;
}

function rulesOf(table: Table): readonly ShapedRule[] {
  if (table.family !== 'ip' && table.family !== 'ip6') return [];
  return table.chains.flatMap((chain) =>
    chain.rules.map((rule) => ({ table, chain: chain.name, shape: shapeOf(rule, table.family) })),
  );
}

const outgoing = 'filter-forward-out__';

/** Interfaces named where only Docker names any: in its own chains, and where FORWARD sends them to DOCKER. */
function bridgesIn(table: string, chain: string, { terms, effect }: Shape): readonly string[] {
  const named = terms.flatMap(({ key, operand }) =>
    (key === 'in' || key === 'out') && operand.kind === 'words' && operand.words.length === 1 ? operand.words : [],
  );
  if (table === 'docker-bridges') {
    const own = /^(?:filter-forward|nat-postrouting)-(?:in|out)__(.+)$/.exec(chain)?.[1];
    return own === undefined ? [] : [own];
  }
  const own = (table === 'filter' || table === 'nat') && isDockerChain(chain);
  const sent = table === 'filter' && chain === 'FORWARD' && effect?.kind === 'jump' && effect.chain === 'DOCKER';
  return own || sent ? named.filter((name) => name !== 'lo') : [];
}

/** What DNAT turns packets from and to in Docker's chains, and whom its raw rules shield. */
function addressesIn(
  table: string,
  chain: string,
  { terms, effect }: Shape,
  isBridge: (name: string) => boolean,
): readonly bigint[] {
  const turns =
    (table === 'nat' && (chain === 'DOCKER' || chain === 'DOCKER-INGRESS')) ||
    (table === 'docker-bridges' && chain === 'nat-prerouting-and-output');
  const shields = table === 'raw' && chain === 'PREROUTING' && effect?.kind === 'drop' && terms.some(isOutside);
  const destinations = terms.flatMap(({ key, not, operand }) =>
    key === 'dst' && !not && operand.kind === 'ranges' ? operand.ranges.filter(({ low, high }) => low === high) : [],
  );
  const meant = turns || shields ? destinations.map(({ low }) => low) : [];
  return turns && effect?.kind === 'dnat' && effect.to.address !== null ? [...meant, effect.to.address] : meant;

  function isOutside({ key, not, operand }: Shape['terms'][number]): boolean {
    return key === 'in' && not && operand.kind === 'words' && operand.words.some(isBridge);
  }
}
