import { hostname } from 'node:os';
import type { BridgeCalls, Link } from '../netlink/link.ts';
import { type InterfaceAddress, type LinkFilter, listAddresses, listLinks, netnsIdOf } from '../netlink/route.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { readBridgeNetfilter } from './bridge-netfilter.ts';
import { type EngineSettings, engineSettings } from './dockerd.ts';
import { type ReadFile, readSmallFile } from './files.ts';
import { hostNameservers, type Nameserver } from './resolv-conf.ts';
import { isMapped } from './user-namespace.ts';

/**
 * What the host itself says, with nothing taken from inside a container. The real one is {@link kernelView}, the
 * in-memory one FakeKernel (fake-kernel.ts).
 */
export interface KernelView {
  /**
   * Every interface of the host, or those that are meant; bridges with MAC, index and their own br_netfilter switches,
   * veths with their peers.
   */
  links(only?: LinkFilter): readonly Link[];
  addresses(): readonly InterfaceAddress[];
  /** The id by which `links()` names the network namespace of a process; null when it is gone or is our own. */
  netnsIdOf(pid: number): number | null;
  /** Whether a process is in a user namespace other than ours: its capabilities do not count for the host. */
  isMapped(pid: number): boolean;
  /** The sysctls net.bridge.bridge-nf-call-*; null where br_netfilter is not loaded. */
  bridgeNetfilter(): BridgeCalls | null;
  hostname(): string;
  /** The host's resolvers as the engine hands them to containers. */
  nameservers(): readonly Nameserver[];
  engineSettings(): EngineSettings;
}

/**
 * The kernel and the files of the host we run on.
 *
 * @throws NetlinkError from any call that asks the kernel, EngineSettingsError from `engineSettings`
 */
export function kernelView(readFile: ReadFile = readSmallFile): KernelView {
  return {
    links: (only) => withRoute((netlink) => listLinks(netlink, only)),
    addresses: () => withRoute(listAddresses),
    netnsIdOf: (pid) => withRoute((netlink) => netnsIdOf(netlink, pid)),
    isMapped,
    bridgeNetfilter: () => readBridgeNetfilter(readFile),
    hostname,
    nameservers: () => hostNameservers(readFile),
    engineSettings: () => engineSettings(readFile),
  };
}

/** A socket per question costs less than 0.2 ms and leaves nothing to close or to share. */
function withRoute<T>(ask: (netlink: NetlinkSocket) => T): T {
  using netlink = NetlinkSocket.open('route');
  return ask(netlink);
}
