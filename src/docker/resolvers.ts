import type { Nameserver } from '../host/resolv-conf.ts';
import { type Address, parseAddress } from '../ip/address.ts';
import { prefixInterval, prefixOf } from '../ip/prefix.ts';

export interface ResolverInput {
  /** Such as 28: the first number of the engine's version. */
  readonly engineMajor: number;
  /** `default`: on the default bridge alone; `user`: on at least one other network; `none`: on no network. */
  readonly networks: 'default' | 'user' | 'none';
  /** Whether the container has an IPv6 address. */
  readonly ipv6: boolean;
  /** The container's `--dns`. */
  readonly own: readonly Address[];
  /** The engine's `dns` setting. */
  readonly engine: readonly Address[];
  readonly host: readonly Nameserver[];
}

const hostDials = 28;
// the engine's answer to a host without resolvers (moby, libnetwork/resolvconf, defaultIPv4Dns)
const google4 = ['8.8.8.8', '8.8.4.4'];
const google6 = ['2001:4860:4860::8888', '2001:4860:4860::8844'];

/**
 * The resolvers that lookups leave for from the container's own namespace.
 *
 * Computed from what the engine was told, never from the container's resolv.conf: that file is the container's to write,
 * and who is inside must not choose what `dns` means. Who writes the compose file does (docs/threat-model.md).
 *
 * On the default bridge the container asks its resolvers itself. On other networks the engine's resolver at 127.0.0.11
 * does: those set by `dns` it asks from the container's namespace, those of the host too, up to 27; from 28 on from the
 * host's (moby, resolver.go and d29767431c).
 */
export function resolversOf(input: ResolverInput): readonly Address[] {
  if (input.networks === 'none') return [];
  const set = input.own.length > 0 ? input.own : input.engine;
  if (set.length > 0) return set.filter((address) => !isLoopback(address)); // loopback is the container's own there
  if (input.networks === 'user' && input.engineMajor >= hostDials) return [];
  const usable = input.host
    .filter(({ address, zoned }) => !zoned && !isLoopback(address) && (address.family === 4 || input.ipv6))
    .map(({ address }) => address);
  if (usable.length > 0) return usable;
  // the engine's own resolver asks the host's loopback from the host; without it nobody can, and Google is asked
  if (input.networks === 'user' && input.host.length > 0) return [];
  return [...google4, ...(input.ipv6 ? google6 : [])].flatMap((text) => parseAddress(text) ?? []);
}

/**
 * Whether the engine asks for the container from the host's own namespace for certain, where no rule for the container
 * sees it. Asked of a container that has a way out.
 */
export function asksFromHost({ engineMajor, networks, own, engine, host }: ResolverInput): boolean {
  if (networks !== 'user' || own.length + engine.length > 0 || host.length === 0) return false;
  return engineMajor >= hostDials || host.some(({ address }) => isLoopback(address));
}

const loopbacks = { 4: prefixInterval(prefixOf('127.0.0.0/8')), 6: prefixInterval(prefixOf('::1/128')) } as const;

function isLoopback({ family, value }: Address): boolean {
  const { low, high } = loopbacks[family];
  return value >= low && value <= high;
}
