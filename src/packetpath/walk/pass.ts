import type { HookName, Listing } from '../model.ts';
import { walkBase } from './chain.ts';
import type { Layer } from './field.ts';
import { bridgeChainsAt, ingressChainsOf, type Standing, stationsAt } from './hooks.ts';
import type { Conversation } from './packet.ts';
import type { Surroundings } from './surroundings.ts';
import { retranslated, settled, translated, type Which } from './translate.ts';
import { type Ended, mergeWays, type Way } from './way.ts';

/** What all hooks of one walk share. */
export interface Walk {
  readonly listing: Listing;
  readonly surroundings: Surroundings;
  /** What conntrack finds when it looks the packet up; null: nothing, the packet is invalid to it. */
  readonly conversation: Conversation | null;
  /** Ways that have come to their end. */
  readonly ended: Ended[];
}

/** Takes ways through a hook of inet; they all are of one family. */
export function passHook(walk: Walk, hook: HookName, ways: readonly Way[]): readonly Way[] {
  const [first] = ways;
  if (first === undefined) return [];
  let going = announce(ways, 'ip', hook);
  for (const station of stationsAt(walk.listing, first.packet.family, hook)) {
    switch (station.kind) {
      case 'chain':
        going = passChain(walk, station.standing, 'ip', going);
        break;
      case 'conntrack':
        going = going.map((way) => track(walk, way));
        break;
      case 'nat':
        going = passNat(walk, station, going);
        break;
    }
  }
  return going;
}

/** @param between bounds of the priorities that are meant, the upper one outside */
export function passBridge(
  walk: Walk,
  hook: HookName,
  ways: readonly Way[],
  between: { readonly from: number; readonly to: number } = { from: -Infinity, to: Infinity },
): readonly Way[] {
  const chains = bridgeChainsAt(walk.listing, hook).filter(
    ({ chain }) => chain.base.priority >= between.from && chain.base.priority < between.to,
  );
  if (chains.length === 0) return ways;
  let going = announce(ways, 'bridge', hook);
  for (const standing of chains) going = passChain(walk, standing, 'bridge', going);
  return going;
}

/**
 * Takes ways through the netdev chains at a device's ingress, in the order of their priorities.
 *
 * @returns those that go on; what ends there is kept in the walk
 */
export function passIngress(walk: Walk, device: string, ways: readonly Way[]): readonly Way[] {
  const chains = ingressChainsOf(walk.listing, device);
  if (chains.length === 0) return ways;
  let going = announce(ways, 'netdev', 'ingress');
  for (const standing of chains) going = passChain(walk, standing, 'netdev', going);
  return going;
}

function announce(ways: readonly Way[], layer: Layer, hook: HookName): readonly Way[] {
  return ways.map((way) => way.after({ kind: 'hook', layer, hook, in: way.packet.in, out: way.packet.out }));
}

function passChain(walk: Walk, { table, chain }: Standing, layer: Layer, ways: readonly Way[]): readonly Way[] {
  if (ways.length === 0) return ways;
  const { surroundings } = walk;
  const translate = (action: Parameters<typeof translated>[0], way: Way) => translated(action, way, surroundings);
  const { on, ended } = walkBase(table, chain, ways, { layer, surroundings, translate });
  walk.ended.push(...ended);
  return on;
}

function track(walk: Walk, way: Way): Way {
  const { packet } = way;
  if (packet.conversation !== null || packet.untracked) return way;
  return way.with({ ...packet, conversation: walk.conversation });
}

interface NatStation {
  readonly what: Which;
  readonly chains: readonly Standing[];
}

/** net/netfilter/nf_nat_core.c, nf_nat_inet_fn: chains are asked for the first packet only, until one has decided. */
function passNat(walk: Walk, { what, chains }: NatStation, ways: readonly Way[]): readonly Way[] {
  const done: Way[] = [];
  let asking: readonly Way[] = [];
  for (const way of ways) {
    if (isOpen(way, what)) asking = [...asking, way];
    else done.push(retranslated(way, what));
  }
  for (const standing of chains) {
    const passed = passChain(walk, standing, 'ip', asking);
    asking = passed.filter((way) => isOpen(way, what));
    done.push(...passed.filter((way) => !isOpen(way, what)));
  }
  return mergeWays([...done, ...asking.map((way) => settled(way, what))]);
}

function isOpen({ packet: { conversation } }: Way, what: Which): boolean {
  if (conversation === null || conversation.direction === 'reply') return false;
  return conversation.state === 'new' && !conversation.decided[what];
}
