import { addressOf, type Family, formatAddress } from '../../ip/address.ts';
import type { Interval } from '../../ip/interval.ts';
import { formatPrefix } from '../../ip/prefix.ts';
import type { Entry } from './entry.ts';
import type { Captures } from './pattern.ts';
import { protocolName } from './terms.ts';
import type { ContainerRef, NetworkRef, Purpose } from './types.ts';
import { containerText, networkText, type Whose } from './whose.ts';

/** The purpose of a rule that is exactly an entry's. */
export function purposeOf(entry: Entry, captures: Captures, family: Family, whose: Whose): Purpose {
  const bridges = [...captures.bridges].map(([name, bridge]) => [name, whose.network(bridge)] as const);
  const addresses = [...captures.addresses].map(([name, value]) => [name, whose.container(family, value)] as const);
  const to = captures.to?.address ?? null;
  const target = to === null ? null : whose.container(family, to);
  const words = new Map<string, string>([
    ...bridges.map(([name, network]): [string, string] => [name, networkText(network)]),
    ...addresses.map(([name, container]): [string, string] => [name, containerText(container)]),
    ['n', captures.block === null ? '' : blockText(family, captures.block)],
    ['p', captures.protocol === null ? '' : protocolText(captures.protocol)],
    ['port', String(captures.port ?? '')],
    ['m', captures.mark ?? ''],
    ['ifs', captures.interfaces.join(', ')],
    ['host', hostText(captures, family)],
    ['to', targetText(target, captures)],
  ]);
  const named = [...addresses.map(([, container]) => container), ...(target === null ? [] : [target])].filter(
    (container) => container.name !== null || container === target || entry.pattern.table !== 'nat',
  );
  const byAddress = [
    ...captures.addresses.values(),
    ...(entry.pattern.effect.kind === 'dnat' && to !== null ? [to] : []),
  ]
    .map((value) => whose.networkOf(family, value))
    .filter((network) => network !== null);
  const gone = bridges.filter(([, { bridge }]) => whose.isGone(bridge)).map(([, { bridge }]) => bridge);
  return {
    maker: entry.maker,
    sureness: 'exact',
    sentence: [
      entry.sentence.replace(/\{([^}]+)\}/g, (whole, name: string) => words.get(name) ?? whole),
      ...(gone.length === 0 ? [] : [`; the engine has no network on ${gone.join(', ')}`]),
    ].join(''),
    outbound: entry.outbound,
    networks: unique(bridges.length > 0 ? bridges.map(([, network]) => network) : byAddress),
    containers: entry.pattern.effect.kind === 'snat' ? [] : containersIn(named),
  };
}

function containersIn(list: readonly ContainerRef[]): readonly ContainerRef[] {
  return [...new Map(list.map((one) => [one.address, one])).values()];
}

function unique(list: readonly NetworkRef[]): readonly NetworkRef[] {
  return [...new Map(list.map((one) => [one.bridge, one])).values()];
}

function hostText({ addresses }: Captures, family: Family): string {
  const address = addresses.get('a');
  return address === undefined ? 'the host' : formatAddress(addressOf(family, address));
}

/** `app-app-1 (172.18.0.4:3000)`, whatever words the listing had for it. */
function targetText(target: ContainerRef | null, { to }: Captures): string {
  if (target === null || to === null) return to?.text ?? '';
  const host = to.port !== null && target.address.includes(':') ? `[${target.address}]` : target.address;
  return containerText({ ...target, address: to.port === null ? host : `${host}:${to.port}` });
}

function protocolText(number: bigint): string {
  const name = protocolName(number);
  return /^[0-9]/.test(name) ? `IP protocol ${name}` : name.toUpperCase();
}

/** `10.0.0.0/8` where a block is one, else its ends. */
export function blockText(family: Family, { low, high }: Interval): string {
  const size = high - low + 1n;
  const width = family === 4 ? 32 : 128;
  const bits = size.toString(2).length - 1;
  if (size === 1n << BigInt(bits) && low % size === 0n)
    return formatPrefix({ address: addressOf(family, low), length: width - bits });
  return `${formatAddress(addressOf(family, low))}-${formatAddress(addressOf(family, high))}`;
}
