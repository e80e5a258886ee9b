import type { Packet } from '../../src/evaluate/verdict.ts';
import { type Address, addressOf, type Family, maxValue } from '../../src/ip/address.ts';
import { type AddressSet, ofFamily } from '../../src/ip/address-set.ts';
import { type L4, protocolNumbers } from '../../src/ip/protocol.ts';
import type { Clause, EndpointIdentity, Program, Ruleset } from '../../src/ruleset/ruleset.ts';
import type { World } from '../../src/world/world.ts';
import type { Random } from './random.ts';

/**
 * Packets that are worth asking about: aimed at the edges of what a sender's program speaks of, one inside and one
 * outside, and at its neighbours, the host and nowhere in particular.
 */
export function aimedPackets(ruleset: Ruleset, world: World, random: Random, count: number): readonly Packet[] {
  const programs = new Map(ruleset.programs.map((program) => [program.id, program]));
  const packets: Packet[] = [];
  for (let tries = 0; packets.length < count && tries < 20 * count; tries++) {
    const from = random.pick(ruleset.endpoints);
    const program = from && programs.get(from.program);
    if (from === undefined || program === undefined) break;
    const atPublished = random.next() < 0.2 ? aimAtPublished(from, ruleset, world, random) : undefined;
    const packet = atPublished ?? aim(from, program, ruleset, random);
    if (packet !== undefined) packets.push(packet);
  }
  return packets;
}

/** The address a sender uses towards a destination: link-local to link-local, else its first other one. */
export function sourceTowards(from: EndpointIdentity, to: Address): Address | undefined {
  const own = from.addresses.filter(({ family }) => family === to.family);
  if (isLinkLocal(to)) return own.find(isLinkLocal) ?? own[0];
  return own.find((address) => !isLinkLocal(address)) ?? own[0];
}

const isLinkLocal = ({ family, value }: Address) => family === 6 && value >> 118n === 0x3fan;

function aim(from: EndpointIdentity, program: Program, ruleset: Ruleset, random: Random): Packet | undefined {
  const family = random.pick([4, 4, 6] as const);
  const lists = [program.allow, program.allow, program.deny, program.guard, program.except];
  const clause = random.next() < 0.8 ? random.pick(random.pick(lists) ?? []) : undefined;
  const to = clause === undefined ? elsewhere(ruleset, family, random) : near(setOf(clause, ruleset), family, random);
  if (to === undefined || sourceTowards(from, to) === undefined) return undefined;
  const l4 = clause === undefined || clause.l4 === 'any' ? undefined : random.pick(clause.l4);
  return {
    from,
    to,
    ...(l4 === undefined || random.next() < 0.1 ? anyLayer4(to.family, random) : nearLayer4(l4, to.family, random)),
  };
}

/** The host's side of a published port. */
function aimAtPublished(from: EndpointIdentity, ruleset: Ruleset, world: World, random: Random): Packet | undefined {
  const published = random.pick(world.containers.flatMap((container) => container.published));
  if (published === undefined) return undefined;
  const { protocol, hostPort, hostAddress } = published;
  const isBound = hostAddress !== null && hostAddress.value !== 0n;
  const family = hostAddress?.family ?? random.pick([4, 4, 6] as const);
  const to = isBound && random.next() < 0.8 ? hostAddress : near(ruleset.hostAddresses, family, random);
  if (to === undefined || sourceTowards(from, to) === undefined) return undefined;
  return { from, to, protocol: protocolNumbers[protocol], port: hostPort };
}

function setOf(clause: Clause, ruleset: Ruleset): AddressSet {
  if (clause.to.kind === 'addresses') return clause.to.set;
  const { group } = clause.to;
  return ruleset.groups.find(({ id }) => id === group)?.addresses ?? { v4: [], v6: [] };
}

function near(set: AddressSet, family: Family, random: Random): Address | undefined {
  const interval = random.pick(ofFamily(set, family));
  if (interval === undefined) return undefined;
  const { low, high } = interval;
  const inside = low + (BigInt(Math.floor(random.next() * 2 ** 32)) * (high - low + 1n)) / 2n ** 32n;
  const value = random.pick([low, low, high, high, inside, inside, low - 1n, high + 1n]);
  return value < 0n || value > maxValue(family) ? undefined : addressOf(family, value);
}

function elsewhere(ruleset: Ruleset, family: Family, random: Random): Address | undefined {
  const endpoint = random.pick(ruleset.endpoints)?.addresses.filter((address) => address.family === family);
  const anywhere = family === 4 ? addressOf(4, BigInt(random.between(0, 2 ** 32 - 1))) : publicV6(random);
  return random.pick([random.pick(endpoint ?? []), near(ruleset.hostAddresses, family, random), anywhere]);
}

function publicV6(random: Random): Address {
  return addressOf(6, (0x2000n << 112n) + (BigInt(random.between(0, 2 ** 40)) << 80n) + BigInt(random.between(0, 99)));
}

type Layer4 = Pick<Packet, 'protocol' | 'port'>;

const ported: readonly number[] = [protocolNumbers.tcp, protocolNumbers.udp, protocolNumbers.sctp];
const icmpOf = (family: Family) => (family === 4 ? protocolNumbers.icmp : protocolNumbers.icmpv6);

function anyLayer4(family: Family, random: Random): Layer4 {
  const { tcp, udp, sctp, gre } = protocolNumbers;
  const protocol = random.pick([tcp, tcp, udp, icmpOf(family), sctp, gre, random.between(0, 255)]);
  return layer4(protocol, random.pick([22, 53, 80, 443, 3128, 5432, 8080, random.between(0, 65_535)]));
}

function nearLayer4({ protocol, ports }: L4, family: Family, random: Random): Layer4 {
  const number = protocol === 'icmp' ? icmpOf(family) : protocol;
  const { low, high } = ports;
  const port = random.pick([low, low, high, high, random.between(low, high), low - 1, high + 1]);
  return layer4(number, Math.min(Math.max(port, 0), 65_535));
}

function layer4(protocol: number, port: number): Layer4 {
  return { protocol, port: ported.includes(protocol) ? port : 0 };
}
