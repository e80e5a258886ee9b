import { addressOf, maxValue, parseAddress } from '../../ip/address.ts';
import { prefixInterval } from '../../ip/prefix.ts';
import { protocolNumbers } from '../../ip/protocol.ts';
import { exactly, hasPorts, type Span } from '../../packetpath/walk/packet.ts';
import type { Surroundings } from '../../packetpath/walk/surroundings.ts';
import type { Destination, Who } from '../../policy/model.ts';
import { matches } from '../../policy/pattern.ts';
import type { World } from '../../world/world.ts';
import { CliError } from '../error.ts';

/** Where a packet is for. */
export interface To {
  readonly family: 4 | 6;
  readonly destination: Span;
  /** For the host itself, by an address of it that is not known. */
  readonly toHost: boolean;
  readonly protocol: number;
  readonly port: Span;
}

/** Somebody out there, where all of the internet is meant. */
const ofTheInternet = '1.1.1.1';
const everyPort: Span = { low: 1n, high: 65_535n };

/**
 * What a destination means for one packet: of several addresses all that it may be, of several ports the first.
 *
 * @throws CliError when it stands for nobody here
 */
export function readTo({ who, l4, source }: Destination, surroundings: Surroundings, world: World | null): To {
  const [first] = who;
  if (first === undefined) throw new CliError('usage', `TO: "${source.text}" is no destination`);
  const place = placeOf(first, surroundings, world);
  if (place === null)
    throw new CliError('unable', `TO: "${source.text}" stands for nobody here`, 'write an address: 192.168.5.5:22');
  const [shape] = l4 === 'any' ? [] : l4;
  const icmp = place.family === 4 ? protocolNumbers.icmp : protocolNumbers.icmpv6;
  const protocol = shape === undefined ? protocolNumbers.tcp : shape.protocol === 'icmp' ? icmp : shape.protocol;
  const ports = shape === undefined ? everyPort : { low: BigInt(shape.ports.low), high: BigInt(shape.ports.high) };
  return { ...place, protocol, port: hasPorts(protocol) ? ports : exactly(0) };
}

type Where = Pick<To, 'family' | 'destination' | 'toHost'>;

function placeOf(who: Who, surroundings: Surroundings, world: World | null): Where | null {
  switch (who.kind) {
    case 'prefix':
      return { family: who.prefix.address.family, destination: prefixInterval(who.prefix), toHost: false };
    case 'any':
      return { family: 4, destination: { low: 0n, high: maxValue(4) }, toHost: false };
    case 'builtin':
      if (who.group === 'host' || who.group === 'gateway') return ownOf(surroundings);
      return who.group === 'internet' ? single(parseAddress(ofTheInternet)) : null;
    case 'container':
      return containerOf(world, ({ name }) => matches(who.name, name));
    case 'workload':
      return containerOf(
        world,
        ({ project, service }) =>
          project !== null &&
          service !== null &&
          matches(who.project, project) &&
          (who.service === null || matches(who.service, service)),
      );
    default:
      return null;
  }
}

function single(address: ReturnType<typeof parseAddress>): Where | null {
  return address === undefined ? null : { family: address.family, destination: exactly(address.value), toHost: false };
}

/** An address of the host that is not loopback; one that is not known where none is. */
function ownOf({ interfaces }: Surroundings): Where {
  const found = interfaces
    .filter(({ name }) => name !== 'lo')
    .toSorted((a, b) => Number(a.kind === 'bridge') - Number(b.kind === 'bridge'))
    .flatMap(({ addresses }) => addresses.map(({ address }) => address))
    .find(({ family }) => family === 4);
  const known = single(found);
  return known ?? { family: 4, destination: { low: 0n, high: maxValue(4) }, toHost: true };
}

type Container = World['containers'][number];

function containerOf(world: World | null, isMeant: (container: Container) => boolean): Where | null {
  const found = world?.containers.find((container) => container.running && isMeant(container));
  const addresses = found?.endpoints.flatMap((endpoint) => endpoint.addresses) ?? [];
  const address = addresses.find(({ family }) => family === 4) ?? addresses[0];
  return address === undefined ? null : single(addressOf(address.family, address.value));
}
