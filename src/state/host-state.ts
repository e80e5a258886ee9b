import { formatPrefix, prefixOf } from '../ip/prefix.ts';
import type { BridgeCalls } from '../netlink/link.ts';
import type { RememberedNetwork } from '../ruleset/ruleset.ts';
import { jsonPart } from './part.ts';

/** Bridges whose switches we turned on since we came, each with how it stood before us. */
export type Switched = ReadonlyMap<string, BridgeCalls>;

/**
 * How each bridge stood before the first time we switched it. A switch that whoever came first did not know yet stood as the
 * next one found it.
 */
export function firstOf(earlier: Switched, later: Switched): Switched {
  const both = [...later].map(([name, before]): [string, BridgeCalls] => [name, { ...before, ...earlier.get(name) }]);
  return new Map([...earlier, ...both]);
}

/** What the host was like: small, and written with every bridge that comes. */
export interface HostState {
  readonly switched: Switched;
  readonly networks: readonly RememberedNetwork[];
}

export const noHost: HostState = { switched: new Map(), networks: [] };

interface Written {
  readonly switched: Readonly<Record<string, BridgeCalls>>;
  readonly networks: readonly {
    readonly project: string | null;
    readonly id?: string;
    readonly containers?: readonly string[];
    readonly name: string;
    readonly subnets: readonly string[];
  }[];
}

const written = jsonPart('host.json', (value) => value as Written);

export const hostPart = {
  name: written.name,
  encode: ({ switched, networks }: HostState): string =>
    written.encode({
      switched: Object.fromEntries(switched),
      networks: networks.map((network) => ({ ...network, subnets: network.subnets.map(formatPrefix) })),
    }),
  decode(body: string, format: number): HostState {
    const { switched, networks } = written.decode(body, format);
    return {
      switched: new Map(Object.entries(switched)),
      networks: networks.map((network) => ({ ...network, subnets: network.subnets.map(prefixOf) })),
    };
  },
};
