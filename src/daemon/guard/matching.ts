import type { Address } from '../../ip/address.ts';
import type { Member } from './members.ts';

/** A port whose other end is in a container, and what is configured there. */
export interface Candidate {
  readonly index: number;
  /** The namespace that it is in, by the id our own knows it by. */
  readonly netns: number;
  readonly mac: string;
  /** Engines set addresses first, and then put it up (moby, libnetwork/osl/interface_linux.go `AddInterface`). */
  readonly up: boolean;
  /** Asked only where the MAC does not tell. */
  readonly addresses: () => readonly Address[];
}

/**
 * Who is behind which port, by what the kernel shows at the other end: the MAC, and where several have it (anyone may
 * choose a container's), the addresses. Nobody is matched where two would fit.
 *
 * @returns members by port
 */
export function matchPorts(
  ports: readonly Pick<Candidate, 'index' | 'mac' | 'addresses'>[],
  members: readonly Member[],
): ReadonlyMap<number, Member> {
  const byMac = Map.groupBy(members, ({ mac }) => mac);
  const found = new Map<number, Member>();
  for (const [mac, alike] of Map.groupBy(ports, (port) => port.mac)) {
    const wanted = byMac.get(mac) ?? [];
    const [port, ...otherPorts] = alike;
    const [member, ...otherMembers] = wanted;
    if (port === undefined || member === undefined) continue;
    if (otherPorts.length === 0 && otherMembers.length === 0) found.set(port.index, member);
    else for (const [index, one] of matchAddresses(alike, wanted)) found.set(index, one);
  }
  return found;
}

function matchAddresses(
  ports: readonly Pick<Candidate, 'index' | 'addresses'>[],
  members: readonly Member[],
): readonly [number, Member][] {
  const shown = ports.map((port) => ({ index: port.index, addresses: port.addresses() }));
  const fits = (port: { readonly addresses: readonly Address[] }, member: Member) =>
    member.addresses.some(({ family, value }) =>
      port.addresses.some((address) => address.family === family && address.value === value),
    );
  return shown.flatMap((port): [number, Member][] => {
    const [member, ...others] = members.filter((one) => fits(port, one));
    if (member === undefined || others.length > 0) return [];
    return shown.filter((one) => fits(one, member)).length === 1 ? [[port.index, member]] : [];
  });
}
