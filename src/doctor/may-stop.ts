import { prefixInterval } from '../ip/prefix.ts';
import { protocolNumbers } from '../ip/protocol.ts';
import type { Condition, Rule } from '../packetpath/model.ts';
import { shapeOf, type Term } from '../packetpath/purpose/terms.ts';
import type { Network, World } from '../world/world.ts';
import { type Placed, stops } from './rules.ts';

/**
 * Whether a rule on the way may stop ordinary new TCP connections that come to a network's containers from outside. False only
 * where that is certain: it stops nothing, or nothing but other packets, or those of single addresses or to single ports.
 */
export function mayStopNewcomers({ table, rule }: Placed, network: Network, world: World): boolean {
  if (!endsIn(rule)) return false;
  const isOther = (term: Term) => isOtherThan(term, table.family, network, world);
  return !shapeOf(rule, table.family).terms.some(isOther) && !conditionsOf(rule).some(isNotOfSyn);
}

/** Whether what a rule matches may end there, stopped. */
function endsIn(rule: Rule): boolean {
  const last = rule.steps.at(-1);
  if (last === undefined || last.kind === 'action') return false;
  return (
    stops(rule) || last.kind === 'vmap' || (last.kind === 'verdict' && ['unknown', 'queue'].includes(last.verdict.kind))
  );
}

/** The first packet of a conversation is neither invalid to conntrack nor part of one that it knows. */
const later = new Set(['invalid', 'established', 'related']);

/** Families of tables that name the interfaces between which a packet is routed. */
const routed = new Set(['ip', 'ip6', 'inet']);

/** Whether such a connection never meets a condition, or only as one of few. */
function isOtherThan({ key, not, operand }: Term, family: string, network: Network, world: World): boolean {
  const words = operand.kind === 'words' && !not ? operand.words : null;
  const ranges = operand.kind === 'ranges' && operand.mask === null && !not ? operand.ranges : null;
  switch (key) {
    case 'ct':
      return words?.every((word) => later.has(word)) ?? false;
    case 'in': // in tables of bridges it is a port
      return routed.has(family) && (words?.every((name) => name === 'lo' || isBridge(name, world)) ?? false);
    case 'out':
      return routed.has(family) && (words?.every((name) => name !== network.bridge?.name) ?? false);
    case 'proto':
      return ranges?.every(({ low, high }) => low > tcp || high < tcp) ?? false;
    case 'dport':
    case 'src':
      return ranges?.every(({ low, high }) => low === high) ?? false;
    case 'dst':
      return (
        ranges !== null && (family === 'ip' || family === 'ip6') && !ranges.some((one) => isIn(one, family, network))
      );
    default:
      return false;
  }
}

const tcp = BigInt(protocolNumbers.tcp);

function isBridge(name: string, { networks }: World): boolean {
  return networks.some(({ bridge }) => bridge?.name === name);
}

function isIn(
  range: { readonly low: bigint; readonly high: bigint },
  family: 'ip' | 'ip6',
  { subnets }: Network,
): boolean {
  return subnets
    .filter(({ address }) => address.family === (family === 'ip' ? 4 : 6))
    .map(prefixInterval)
    .some(({ low, high }) => range.low <= high && low <= range.high);
}

function conditionsOf({ steps }: Rule): readonly Condition[] {
  return steps.flatMap((step) => (step.kind === 'condition' ? [step.condition] : []));
}

const syn = 0x02n;

/** Whether a condition on TCP's flags does not hold for a SYN, such as `! --syn` beside `--ctstate NEW`. */
function isNotOfSyn(condition: Condition): boolean {
  if (condition.kind !== 'among' || condition.fields.length !== 1 || 'set' in condition.values) return false;
  const [ref] = condition.fields;
  if (ref?.field !== 'tcp flags') return false;
  const flags = ref.mask === undefined ? syn : syn & ref.mask;
  const isAmong = condition.values.some(
    ([value]) => value?.kind !== 'range' || (value.low <= flags && flags <= value.high),
  );
  return condition.not ? condition.values.every(([value]) => value?.kind === 'range') && isAmong : !isAmong;
}
