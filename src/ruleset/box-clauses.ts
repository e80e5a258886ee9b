import { type AddressSet, noAddresses } from '../ip/address-set.ts';
import type { Box } from '../ip/box.ts';
import { everyPort, hasPorts, type L4 } from '../ip/protocol.ts';
import type { Clause } from './ruleset.ts';

/** Clauses that match just the packets of disjoint boxes, otherwise like a given one. */
export function clausesOfBoxes(boxes: readonly Box[], like: Clause): readonly Clause[] {
  return boxes.flatMap(({ family, addresses, protocols, ports }): readonly Clause[] => {
    const set: AddressSet = family === 4 ? { ...noAddresses, v4: [addresses] } : { ...noAddresses, v6: [addresses] };
    const to = { kind: 'addresses', set } as const;
    const every = ports.low === everyPort.low && ports.high === everyPort.high;
    if (every && protocols.low === 0 && protocols.high === 255) return [{ ...like, to, l4: 'any' }];
    const l4 = Array.from({ length: protocols.high - protocols.low + 1 }, (_, offset): L4 | undefined => {
      const protocol = protocols.low + offset;
      if (hasPorts(protocol)) return { protocol, ports };
      // without ports a packet counts as sent to port 0, and the whole range says so
      return ports.low === 0 ? { protocol, ports: everyPort } : undefined;
    }).filter((one) => one !== undefined);
    return l4.length === 0 ? [] : [{ ...like, to, l4 }];
  });
}
