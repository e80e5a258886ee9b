import { parseAddress } from '../../src/ip/address.ts';
import { noAddresses, setOfPrefixes } from '../../src/ip/address-set.ts';
import { prefixOf } from '../../src/ip/prefix.ts';
import type { EndpointIdentity, Program, Ruleset } from '../../src/ruleset/ruleset.ts';

/** Rulesets by hand, for tests of the rules alone. */

const source = { file: 'policy.yaml', line: 1, column: 1, text: 'entry' };

export function program(id: string, lists: Partial<Program> = {}): Program {
  const empty = { guard: [], except: [], deny: [], allow: [] };
  return { id, workload: id, mode: 'enforce', standing: 'named', otherwise: source, ...empty, ...lists };
}

export const bridge = { name: 'br-app', index: 4 };
export const dockerBridge = { name: 'docker0', index: 3 };

/** The nth container on a bridge: 172.20.0.n, fd00:20::n and what its MAC makes. */
export function endpoint(n: number, program: string, on = bridge): EndpointIdentity {
  const byte = n.toString(16).padStart(2, '0');
  const net = on === bridge ? 20 : 17;
  const addresses = [`172.${net}.0.${n}`, `fd00:${net}::${n}`, `fe80::42:acff:fe${net}:${n.toString(16)}`];
  return {
    container: { id: String(n).repeat(64), name: `c${n}` },
    workload: program,
    bridge: on,
    port: { name: `veth${n}`, index: 10 + n },
    mac: `02:42:ac:${net}:00:${byte}`,
    addresses: addresses.map((text) => parseAddress(text) as NonNullable<ReturnType<typeof parseAddress>>),
    program,
  };
}

export function rulesetOf(changes: Partial<Ruleset> = {}): Ruleset {
  const gateways = setOfPrefixes(['172.20.0.1', 'fd00:20::1'].map(prefixOf));
  return {
    denied: 'reject',
    bridges: [
      {
        name: bridge.name,
        network: 'app_default',
        gateways,
        broadcasts: setOfPrefixes([prefixOf('172.20.255.255')]),
        unknown: { kind: 'drop' },
      },
    ],
    endpoints: [],
    seats: [],
    programs: [],
    groups: [],
    hostAddresses: setOfPrefixes(['172.20.0.1', 'fd00:20::1', '192.168.0.1', '127.0.0.0/8', '::1'].map(prefixOf)),
    published: [],
    unknownBridges: 'allow',
    knownBridges: [],
    held: noAddresses,
    heldNetworks: [],
    unheld: [],
    ...changes,
  };
}

/** docker0, where a source that nobody knows is judged as a build. */
export const building = {
  name: dockerBridge.name,
  network: 'bridge',
  gateways: noAddresses,
  broadcasts: noAddresses,
  unknown: { kind: 'judge', program: 'build', places: setOfPrefixes([prefixOf('172.17.0.0/16')]) },
} as const;
