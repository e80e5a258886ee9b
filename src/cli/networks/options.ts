import type { Network } from '../../world/world.ts';

/**
 * What of a network's settings matters for where packets may go. Words of moby's bridge driver
 * (libnetwork/drivers/bridge/labels.go) and of macvlan and ipvlan; null where the driver has no such setting.
 */
export interface NetworkSettings {
  /** Containers of it may speak to each other (`enable_icc`). */
  readonly icc: boolean | null;
  /** What leaves takes the host's address (`enable_ip_masquerade`). */
  readonly masquerade: boolean | null;
  readonly gatewayMode: { readonly ip4: string; readonly ip6: string } | null;
  /** Where published ports listen unless told (`host_binding_ipv4`). */
  readonly hostBinding: string | null;
  /** Interfaces from which the containers' own addresses may be reached. */
  readonly trustedInterfaces: readonly string[];
  /** The host's interface that macvlan and ipvlan send through, and how. */
  readonly parent: string | null;
  readonly mode: string | null;
}

const prefix = 'com.docker.network.bridge.';

/** Reads a network's options; of a bridge's that are left out, what the engine takes for them. */
export function networkSettings(network: Network): NetworkSettings {
  const option = (key: string) => network.options?.get(key) || null;
  if (network.driver !== 'bridge')
    return {
      icc: null,
      masquerade: null,
      gatewayMode: null,
      hostBinding: null,
      trustedInterfaces: [],
      parent: option('parent'),
      mode: option('macvlan_mode') ?? option('ipvlan_mode'),
    };
  return {
    icc: isOn(option(`${prefix}enable_icc`)),
    masquerade: isOn(option(`${prefix}enable_ip_masquerade`)),
    gatewayMode: {
      ip4: option(`${prefix}gateway_mode_ipv4`) ?? 'nat',
      ip6: option(`${prefix}gateway_mode_ipv6`) ?? 'nat',
    },
    hostBinding: option(`${prefix}host_binding_ipv4`) ?? '0.0.0.0',
    trustedInterfaces: (option(`${prefix}trusted_host_interfaces`) ?? '').split(':').filter((name) => name !== ''),
    parent: null,
    mode: null,
  };
}

/** As Go's strconv.ParseBool; both settings are on when left out. */
function isOn(text: string | null): boolean {
  return text === null || !['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text);
}

/** What is not as it is by itself, as words for people; not yet safe to show. */
export function settingWords(network: Network): readonly string[] {
  const { icc, masquerade, gatewayMode, hostBinding, trustedInterfaces, parent, mode } = networkSettings(network);
  return [
    ...(network.internal ? ['internal: Docker lets nothing out of it but to the host'] : []),
    ...(icc === false ? ['icc off: Docker parts its containers from each other'] : []),
    ...(masquerade === false ? ['no masquerade: packets leave with their own addresses'] : []),
    ...(['ip4', 'ip6'] as const).flatMap((family) => {
      const word = gatewayMode?.[family] ?? 'nat';
      return word === 'nat' ? [] : [`gateway mode of ${family === 'ip4' ? 'IPv4' : 'IPv6'}: ${word}`];
    }),
    ...(hostBinding === null || hostBinding === '0.0.0.0' ? [] : [`ports are published on ${hostBinding}`]),
    ...(trustedInterfaces.length === 0 ? [] : [`its own addresses are open to ${trustedInterfaces.join(', ')}`]),
    ...(parent === null ? [] : [`parent ${parent}`]),
    ...(mode === null ? [] : [`mode ${mode}`]),
  ];
}
