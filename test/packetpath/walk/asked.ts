import type { Packet } from '../../../src/evaluate/verdict.ts';
import { setIncludes } from '../../../src/ip/address-set.ts';
import { prefixOf } from '../../../src/ip/prefix.ts';
import { linkLocal6Set, multicastSet } from '../../../src/ip/registry.ts';
import { parseMac } from '../../../src/packetpath/read/values.ts';
import { firstPacket } from '../../../src/packetpath/walk/ask.ts';
import { surroundingsOfWorld } from '../../../src/packetpath/walk/of-world.ts';
import { exactly, spanOf } from '../../../src/packetpath/walk/packet.ts';
import {
  isBroadcast,
  isLoopback,
  isOwn,
  routeTo,
  type Surroundings,
} from '../../../src/packetpath/walk/surroundings.ts';
import type { Ruleset } from '../../../src/ruleset/ruleset.ts';
import type { World } from '../../../src/world/world.ts';
import { sourceTowards } from '../../agreement/aimed.ts';

/** All interfaces and routes of the host, with br_netfilter as Sluice has it on its bridges. */
export function wholeHost(world: World): Surroundings {
  const known = surroundingsOfWorld(world);
  const everywhere = (['0.0.0.0/0', '::/0'] as const).map((text) => ({
    to: prefixOf(text),
    interface: 'eth0',
    source: null,
  }));
  return {
    ...known,
    interfaces: known.interfaces.map((one) =>
      one.kind === 'bridge' ? { ...one, brNetfilter: { 4: true, 6: true } } : one,
    ),
    routes: [...known.routes, ...everywhere],
    forwarding: { 4: true, 6: true },
    complete: true,
  };
}

/** undefined: what the walk does not follow (groups, link-local addresses, which each bridge has its own of), or what the world and its host's addresses say differently of. */
export function askedFor(packet: Packet, ruleset: Ruleset, surroundings: Surroundings) {
  const { from, to, protocol, port } = packet;
  const source = sourceTowards(from, to);
  const [span, { family }] = [spanOf(to), to];
  const isGroup = setIncludes(multicastSet, to) || isBroadcast(span, family, surroundings);
  const isHost = setIncludes(ruleset.hostAddresses, to);
  if (source === undefined || isGroup || isLoopback(span, family) || setIncludes(linkLocal6Set, to)) return undefined;
  if (isHost !== (isOwn(span, family, surroundings) === 'yes')) return undefined;
  // a neighbour that is not there gets nothing, whatever a policy says
  const isThere = surroundings.seats?.some(({ address }) => address.family === family && address.value === to.value);
  const route = routeTo(span, family, surroundings);
  if (route.kind === 'out' && route.by.kind === 'name' && route.by.name !== 'eth0' && isThere !== true)
    return undefined;
  return firstPacket({
    from: { in: { kind: 'name', name: from.bridge.name }, port: { kind: 'name', name: from.port.name } },
    family,
    mac: parseMac(from.mac) ?? null,
    source: spanOf(source),
    destination: span,
    protocol,
    port: exactly(port),
  });
}
