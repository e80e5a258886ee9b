import type { Interval } from '../../ip/interval.ts';
import { shapeOf } from '../../packetpath/purpose/terms.ts';
import { contains, overlaps } from '../../packetpath/walk/surroundings.ts';
import type { Network, World } from '../../world/world.ts';
import type { Facts } from '../facts.ts';
import type { Check, MendLine } from '../finding.ts';
import { bridgeCalls, type Family, familiesOf, neighboursOf, rangesOf, subnetsOf } from '../neighbours.ts';
import { isPlain, mayConcern, type Placed, placedText, programFor, ruleText, stops } from '../rules.ts';
import { type Attached, NeighbourWalk } from '../walk-neighbours.ts';
import { who } from '../words.ts';

export const bridgeRulesCut: Check = {
  code: 'bridge-rules-cut',
  severity: 'note',
  title: 'A rule for the way out parts neighbours on a bridge, too',
  why: 'Frames between containers of one bridge come to it by br_netfilter, which is on for it: they do not reach each other. With br_netfilter off they do, as on hosts that do not load it: nothing should be built on either.',
  evidence:
    'a rule of somebody’s that stops what one network sends, or what is for addresses that a network’s are a part of, whatever interface it goes out by; and the first packet of TCP from one running container of a bridge to another ends there, followed through all rules but Sluice’s as by `sluice explain --path`',
  find: (facts) => {
    const { rules, world } = facts;
    if (rules === null || world === null) return [];
    const walk = new NeighbourWalk(rules, world);
    return rules.tables.flatMap(({ table, chains }) =>
      chains
        .filter(({ hooks }) => hooks.includes('forward'))
        .flatMap(({ chain, rules: of }) =>
          of
            .filter(({ rule, purpose }) => stops(rule) && !['sluice', 'docker', 'swarm'].includes(purpose.maker))
            .map(({ rule }): Placed => ({ table, chain, rule })),
        )
        .flatMap((at) => {
          const cut = cutBy(at, walk, facts, world);
          return cut.length === 0 ? [] : [{ seen: [placedText(at), ...cut.map(cutText)], mend: mendOf(at, cut) }];
        }),
    );
  },
};

/** Two on one bridge of which one does not reach the other. */
interface Cut {
  readonly network: Network;
  readonly bridge: string;
  readonly from: Attached;
  readonly to: Attached;
}

/** Where a rule cuts neighbours: of each bridge the first two that show it. */
function cutBy(at: Placed, walk: NeighbourWalk, facts: Facts, world: World): readonly Cut[] {
  if (!isForTheWayOut(at, world)) return [];
  return world.networks.flatMap((network) => {
    const bridge = network.bridge?.name;
    const families = familiesOf(at).filter((family) => speaksOf(at, network, family));
    if (bridge === undefined || families.length === 0 || !mayConcern(at.rule, at.table, bridge, world)) return [];
    const cut = families
      .filter((family) => bridgeCalls(facts, bridge, family) === true)
      .flatMap((family) => pairsFor(at, walk.attachedTo(network, family)))
      .find(([from, to]) => walk.endsAt(at.rule, bridge, from, to));
    return cut === undefined ? [] : [{ network, bridge, from: cut[0], to: cut[1] }];
  });
}

/** Whether a rule stops more than neighbours by where it comes from or is for, and says nothing of where it goes out. */
function isForTheWayOut(at: Placed, world: World): boolean {
  const { terms } = shapeOf(at.rule, at.table.family);
  if (terms.some(({ key }) => key === 'out') || neighboursOf(at, world) !== null) return false;
  if (terms.some(({ key }) => key === 'dst')) return rangesOf(terms, 'dst') !== null;
  return terms.some(({ key, not }) => (key === 'in' || key === 'src') && !not);
}

/** Whether a rule may be of what a network sends by its source, and is for addresses that a part of the network is among. */
function speaksOf(at: Placed, network: Network, family: Family): boolean {
  const { terms } = shapeOf(at.rule, at.table.family);
  const [sources, destinations] = [rangesOf(terms, 'src'), rangesOf(terms, 'dst')];
  const subnets = subnetsOf(network, family);
  return (
    (sources === null || sources.some((range) => subnets.some((subnet) => overlaps(subnet, range)))) &&
    // what is for some of the network's own alone is no rule for the way out
    (destinations === null || destinations.some((range) => isWider(range, subnets)))
  );
}

/** The first two of a network between whom a packet may match a rule by its addresses; none where there are none. */
function pairsFor(at: Placed, attached: readonly Attached[]): readonly (readonly [Attached, Attached])[] {
  const { terms } = shapeOf(at.rule, at.table.family);
  const among = (ranges: readonly Interval[] | null) =>
    attached.filter(
      ({ address }) => ranges?.some(({ low, high }) => low <= address.value && address.value <= high) ?? true,
    );
  const targets = among(rangesOf(terms, 'dst'));
  for (const from of among(rangesOf(terms, 'src'))) {
    const to = targets.find((one) => one.port !== from.port);
    if (to !== undefined) return [[from, to]];
  }
  return [];
}

/** Whether a range has addresses of a network, and others beside. */
function isWider(range: Interval, subnets: readonly Interval[]): boolean {
  return subnets.some((subnet) => overlaps(subnet, range)) && !subnets.some((subnet) => contains(subnet, range));
}

function cutText({ network, bridge, from, to }: Cut): string {
  return `br_netfilter hands it frames of ${bridge} (${network.name}): ${who(from.container)} does not reach ${who(to.container)}`;
}

function mendOf(at: Placed, cut: readonly Cut[]): { readonly say: string; readonly lines: readonly MendLine[] } {
  return {
    say: 'Say in the rule that it is not for what stays on the bridge; if neighbours are to be parted, do that by a rule of its own, or by policy.',
    lines: [lineOf(at, cut)],
  };
}

function lineOf({ table, chain, rule }: Placed, cut: readonly Cut[]): MendLine {
  const text = ruleText(chain, rule);
  const bridges = [...new Set(cut.map(({ bridge }) => bridge))];
  const [bridge] = bridges;
  const isXtables = (table.family === 'ip' || table.family === 'ip6') && /^(! )?-/.test(text);
  if (bridges.length !== 1 || !isXtables || !isPlain(text))
    return {
      kind: 'file',
      text: `let what goes from ${bridges.join(', or from ')} to itself past rule ${rule.place.number} of ${chain.name}: ${text}`,
    };
  const of = table.name === 'filter' ? '' : ` -t ${table.name}`;
  return {
    kind: 'run',
    text: `${programFor(table)}${of} -R ${chain.name} ${rule.place.number} ! -o ${bridge} ${text}`,
  };
}
