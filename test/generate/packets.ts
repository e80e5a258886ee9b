import type { Packet } from '../../src/evaluate/verdict.ts';
import { type Address, addressOf, bits } from '../../src/ip/address.ts';
import { type AddressSet, noAddresses } from '../../src/ip/address-set.ts';
import { icmpOf } from '../../src/ip/box.ts';
import { hasPorts, protocolNumbers } from '../../src/ip/protocol.ts';
import type { Clause, EndpointIdentity, Ruleset } from '../../src/ruleset/ruleset.ts';
import type { PublishedPort, World } from '../../src/world/world.ts';
import { address } from './build.ts';

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Random = () => number;
const one = <Value>(values: readonly Value[], random: Random): Value | undefined =>
  values[Math.floor(random() * values.length)];

/** Destinations worth a try in any world. */
const landmarks: readonly Address[] = [
  '192.168.100.1',
  '192.168.100.2',
  '192.168.5.5',
  '10.9.9.9',
  '8.8.8.8',
  '8.8.8.127',
  '8.8.8.128',
  '1.1.1.1',
  '169.254.169.254',
  '168.63.129.16',
  '224.0.0.251',
  '239.1.2.3',
  '255.255.255.255',
  '192.168.1.2',
  '192.168.1.255',
  '172.20.255.255',
  '172.17.0.1',
  '172.22.0.3',
  '127.0.0.1',
  '0.0.0.0',
  '2001:4860::8',
  '2606:4700::1',
  'fd12::5',
  'fd00:ec2::254',
  'ff02::fb',
  '2a01:4f8::2',
  '64:ff9b::808:808',
  '64:ff9b::a9fe:a9fe',
  '2002:a00:1::1',
  '192.88.99.1',
  'fe80::1',
  '::1',
].map(address);

const protocols = [6, 6, 6, 17, 17, 1, 58, 132, 47, 50, 255, 0];
const ports = [22, 53, 80, 443, 3000, 5000, 5100, 8000, 8100, 8101, 9, 0, 65535];

/**
 * Packets for a ruleset: a third aimed at something its sender may reach, a third at something that is denied or excepted
 * from a denial, or near the edge of it, a tenth at ports that the host publishes, the rest anywhere.
 */
export function packetsFor(ruleset: Ruleset, world: World, random: Random, count: number): readonly Packet[] {
  if (ruleset.endpoints.length === 0) return [];
  const published = world.containers.flatMap((container) => container.published);
  return Array.from({ length: count }, () => packetFor(ruleset, published, random));
}

function packetFor(ruleset: Ruleset, published: readonly PublishedPort[], random: Random): Packet {
  const from = one(ruleset.endpoints, random) as EndpointIdentity;
  const program = ruleset.programs.find(({ id }) => id === from.program);
  const aim = random();
  const port = aim < 0.1 ? one(published, random) : undefined;
  if (port !== undefined)
    return { from, to: hostAddress(ruleset, random), protocol: protocolNumbers[port.protocol], port: port.hostPort };
  const list =
    aim < 0.4
      ? program?.allow
      : aim < 0.5
        ? program?.deny
        : aim < 0.6
          ? program?.guard
          : aim < 0.7
            ? program?.except
            : [];
  const clause = one(list ?? [], random);
  const to = (clause === undefined ? undefined : addressIn(clause, ruleset, random)) ?? anyAddress(ruleset, random);
  return { from, to, ...layer4(clause, to, random) };
}

function hostAddress({ hostAddresses }: Ruleset, random: Random): Address {
  const all = [
    ...hostAddresses.v4.map(({ low }) => addressOf(4, low)),
    ...hostAddresses.v6.map(({ low }) => addressOf(6, low)),
  ];
  return one(all, random) ?? (landmarks[0] as Address);
}

function addressIn(clause: Clause, ruleset: Ruleset, random: Random): Address | undefined {
  const { to } = clause;
  const set: AddressSet =
    to.kind === 'addresses' ? to.set : (ruleset.groups.find(({ id }) => id === to.group)?.addresses ?? noAddresses);
  const intervals = [
    ...set.v4.map((interval) => ({ family: 4 as const, ...interval })),
    ...set.v6.map((interval) => ({ family: 6 as const, ...interval })),
  ];
  const interval = one(intervals, random);
  if (interval === undefined) return undefined;
  const { family, low, high } = interval;
  const most = (1n << BigInt(bits(family))) - 1n;
  const inside =
    low +
    BigInt(Math.floor(random() * 2 ** 48)) * ((high - low) >> 48n) +
    (random() < 0.5 ? 0n : (high - low) & 0xffffn);
  const choices = [low, high, inside > high ? high : inside, low > 0n ? low - 1n : low, high < most ? high + 1n : high];
  return addressOf(family, choices[Math.floor(random() * (random() < 0.85 ? 3 : 5))] as bigint);
}

function anyAddress(ruleset: Ruleset, random: Random): Address {
  const kind = random();
  const neighbour = one(ruleset.endpoints, random)?.addresses;
  if (kind < 0.4 && neighbour !== undefined) return one(neighbour, random) ?? (landmarks[0] as Address);
  if (kind < 0.5) return hostAddress(ruleset, random);
  return one(landmarks, random) as Address;
}

function layer4(
  clause: Clause | undefined,
  to: Address,
  random: Random,
): { readonly protocol: number; readonly port: number } {
  const l4 = clause === undefined || clause.l4 === 'any' || random() < 0.15 ? undefined : one(clause.l4, random);
  const protocol =
    l4 === undefined ? (one(protocols, random) as number) : l4.protocol === 'icmp' ? icmpOf(to.family) : l4.protocol;
  if (!hasPorts(protocol)) return { protocol, port: 0 };
  if (l4 === undefined) return { protocol, port: one(ports, random) as number };
  const { low, high } = l4.ports;
  const choices = [low, high, Math.floor((low + high) / 2), Math.max(0, low - 1), Math.min(65535, high + 1)];
  return { protocol, port: choices[Math.floor(random() * (random() < 0.85 ? 3 : 5))] as number };
}
