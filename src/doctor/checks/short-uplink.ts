import type { Container, Network } from '../../world/world.ts';
import type { Facts } from '../facts.ts';
import type { Check, MendLine } from '../finding.ts';
import { who } from '../words.ts';

export const shortUplink: Check = {
  code: 'short-uplink',
  severity: 'warning',
  title: 'A way out takes less than a container may send, which lets it write into packets behind the last rule',
  why: 'Whoever may write frames of its own (NET_RAW, which Docker gives) can have two bytes of a packet filled in when the host takes it apart for that way out, after every rule: one address that is allowed then stands for all that share a half with it.',
  // packet(7), PACKET_VNET_HDR; net/ipv4/ip_output.c, ip_do_fragment; skb_checksum_help in net/core/dev.c
  evidence:
    'a container in `enforce` that has NET_RAW, and an IPv4 route by an interface other than the bridges of the engine whose MTU, or its own (`ip route … mtu`), is smaller than that of the port of the container',
  find: (facts) => {
    const concerned = concernedIn(facts);
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(
          ({ container, network, size, way }) =>
            `${who(container)}: sends up to ${size} bytes on ${network.name}, ${way.name} takes ${way.size}`,
        ),
        mend: {
          say: 'Take NET_RAW away, which hardly a service needs; or let its network take no more than the way out.',
          lines: [{ kind: 'compose', text: 'cap_drop: [NET_RAW]' }, ...sizeLines(concerned)],
        },
      },
    ];
  },
};

interface Concerned {
  readonly container: Container;
  readonly network: Network;
  /** Bytes that its packets may have on that network. */
  readonly size: number;
  /** The way out that takes least. */
  readonly way: { readonly name: string; readonly size: number };
}

function concernedIn({ world, sizes, enforced }: Facts): readonly Concerned[] {
  if (world === null || sizes === null || enforced === null) return [];
  const bridges = new Map(
    world.networks.flatMap((network) => (network.bridge === null ? [] : [[network.bridge.name, network] as const])),
  );
  const [least] = [...sizes.ways]
    .filter(([name]) => !bridges.has(name))
    .toSorted(([, a], [, b]) => a - b)
    .map(([name, size]) => ({ name, size }));
  if (least === undefined) return [];
  const concerned = enforced.flatMap(({ container, bridge, port }) => {
    const [network, size] = [bridges.get(bridge), sizes.mtus.get(port)];
    if (network === undefined || size === undefined) return [];
    return size > least.size && writesFrames(container) ? [{ container, network, size, way: least }] : [];
  });
  const order = ({ container, network }: Concerned) => `${container.name}/${network.name}`;
  return concerned.toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
}

/**
 * Whether it has NET_RAW, which is among Docker's own capabilities (moby, oci/caps/defaults.go, and TweakCapabilities in
 * oci/caps/utils.go for what adding and dropping come to).
 */
export function writesFrames({ powers, dropped = [] }: Pick<Container, 'powers' | 'dropped'>): boolean {
  const added = powers?.capabilities ?? [];
  if (powers?.privileged === true) return true;
  if (added.includes('ALL')) return !dropped.includes('NET_RAW');
  return added.includes('NET_RAW') || !(dropped.includes('ALL') || dropped.includes('NET_RAW'));
}

function sizeLines(concerned: readonly Concerned[]): readonly MendLine[] {
  const byNetwork = new Map(concerned.map((one) => [one.network.id, one]));
  return [...byNetwork.values()].map(({ network, way }) =>
    network.name === 'bridge'
      ? { kind: 'file', text: `/etc/docker/daemon.json: "mtu": ${way.size}` }
      : {
          kind: 'compose',
          text: `networks: { ${network.composeKey ?? network.name}: { driver_opts: { com.docker.network.driver.mtu: "${way.size}" } } }`,
        },
  );
}
