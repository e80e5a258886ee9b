import { type Address, addressOf, maxValue, parseAddress } from '../../ip/address.ts';
import { prefixInterval } from '../../ip/prefix.ts';
import { parseMac } from '../../packetpath/read/values.ts';
import { type Interface, type Span, spanOf } from '../../packetpath/walk/packet.ts';
import {
  elsewhere,
  type HostInterface,
  interfaceNamed,
  routeTo,
  type Surroundings,
} from '../../packetpath/walk/surroundings.ts';
import type { Asked } from '../../packetpath/walk/walk.ts';
import { suggest } from '../../policy/suggest.ts';
import { workloadName } from '../../world/workload.ts';
import type { World } from '../../world/world.ts';
import { CliError } from '../error.ts';

/** Where a packet comes from. */
export interface From {
  readonly from: Asked['from'];
  /** null: the host chooses it by its routes. */
  readonly source: Span | null;
  /** Of the container that sends it; absent or null: not known. */
  readonly mac?: bigint | null;
  /** The container that sends it, where it is known. */
  readonly pid: number | null;
}

/**
 * Reads FROM of `explain --path`: `host`, `lan`, an address (with `%INTERFACE` where it comes in by another than its route),
 * an interface, PROJECT/SERVICE, or the name of a container.
 *
 * @throws CliError when it is none of them
 */
export function readFrom(text: string, family: 4 | 6, surroundings: Surroundings, world: World | null): From {
  if (text === 'host') return { from: 'host', source: null, pid: null };
  if (text === 'lan') return fromLan(family, surroundings);
  const [, addressText = '', by] = /^([^%]*)(?:%(.+))?$/.exec(text) ?? [];
  const address = parseAddress(addressText);
  if (address !== undefined) return fromAddress(address, by, family, surroundings);
  const known = interfaceNamed(text, surroundings);
  if (known !== undefined)
    return { from: arrival(known, surroundings), source: behind(known, family, surroundings), pid: null };
  return fromContainer(text, family, surroundings, world);
}

const anywhere = (family: 4 | 6): Span => ({ low: 0n, high: maxValue(family) });

function fromLan(family: 4 | 6, surroundings: Surroundings): From {
  const uplink = surroundings.routes.find(({ to }) => to.length === 0 && to.address.family === family)?.interface;
  const known = uplink === undefined ? undefined : interfaceNamed(uplink, surroundings);
  if (known === undefined)
    return { from: { in: elsewhere(surroundings), port: null }, source: anywhere(family), pid: null };
  return { from: arrival(known, surroundings), source: behind(known, family, surroundings), pid: null };
}

function fromAddress(address: Address, by: string | undefined, family: 4 | 6, surroundings: Surroundings): From {
  if (address.family !== family)
    throw new CliError('usage', 'FROM and TO are of different IP versions', 'ask for addresses of one');
  const source = spanOf(address);
  if (by !== undefined) {
    const known = interfaceNamed(by, surroundings) ?? stranger(by);
    return { from: arrival(known, surroundings), source, pid: null };
  }
  const back = routeTo(source, family, surroundings);
  if (back.kind === 'local') return { from: 'host', source, pid: null };
  if (back.kind !== 'out') return { from: { in: elsewhere(surroundings), port: null }, source, pid: null };
  const known = back.by.kind === 'name' ? interfaceNamed(back.by.name, surroundings) : undefined;
  return { from: known === undefined ? { in: back.by, port: null } : arrival(known, surroundings), source, pid: null };
}

/** An interface that no rule names and no listing shows. */
function stranger(name: string): HostInterface {
  return { name, kind: null, master: null, addresses: [], brNetfilter: null, rpFilter: null };
}

/** By a bridge a packet comes in from one of its ports, which only a container's own name tells. */
function arrival({ name, kind }: HostInterface, surroundings: Surroundings): Asked['from'] {
  const by: Interface = { kind: 'name', name };
  return { in: by, port: kind === 'bridge' ? elsewhere(surroundings) : null };
}

/** The addresses behind an interface, as its routes say. */
function behind({ name }: HostInterface, family: 4 | 6, { routes }: Surroundings): Span {
  const [route] = routes
    .filter((one) => one.interface === name && one.to.address.family === family && one.to.length > 0)
    .toSorted((a, b) => a.to.length - b.to.length);
  return route === undefined ? anywhere(family) : prefixInterval(route.to);
}

function fromContainer(text: string, family: 4 | 6, surroundings: Surroundings, world: World | null): From {
  const running = (world?.containers ?? []).filter((container) => container.running);
  const found = running.find(
    (one) => workloadName(one) === text || one.name === text || `container/${one.name}` === text,
  );
  if (found === undefined)
    throw nobody(
      text,
      surroundings,
      running.flatMap((one) => [workloadName(one), one.name]),
      world,
    );
  for (const { network, addresses, port, mac } of found.endpoints) {
    const address = addresses.find((one) => one.family === family);
    const bridge = world?.networks.find(({ id }) => id === network)?.bridge;
    if (address === undefined || bridge === undefined || bridge === null) continue;
    const by: Interface = { kind: 'name', name: bridge.name };
    const through: Interface = port === null ? elsewhere(surroundings) : { kind: 'name', name: port.name };
    return {
      from: { in: by, port: through },
      source: spanOf(addressOf(family, address.value)),
      mac: (mac === null ? undefined : parseMac(mac)) ?? null,
      pid: found.pid,
    };
  }
  if (found.networkMode.kind === 'host') return { from: 'host', source: null, pid: null };
  throw new CliError(
    'unable',
    `${found.name} sends no IPv${family} through a bridge of this host`,
    'ask for an address or an interface',
  );
}

function nobody(text: string, surroundings: Surroundings, names: readonly string[], world: World | null): CliError {
  const interfaces = surroundings.interfaces.map(({ name }) => name);
  const near = suggest(text, new Set([...names, ...interfaces, 'host', 'lan']));
  const hint =
    world === null
      ? `a listing names no containers: write an address and its interface, as in 172.18.0.2%${interfaces.find((name) => name.startsWith('br-')) ?? 'docker0'}`
      : 'sluice ps lists the containers that run';
  return new CliError(
    'unable',
    `FROM: nothing here is called ${text}`,
    near === undefined ? hint : `did you mean ${near}?`,
  );
}
