import { execFile } from 'node:child_process';
import type { BridgeCalls } from '../netlink/link.ts';
import { listLinks, setBridgeCalls } from '../netlink/route.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import type { ReadFile } from './files.ts';

export type BridgeNetfilterErrorKind =
  /** The kernel has no br_netfilter and none could be loaded. */
  | 'no-module'
  /** The name is not a bridge of this host. */
  | 'no-bridge'
  /** A bridge of a kernel without br_netfilter has no such switch. */
  | 'no-switch';

export class BridgeNetfilterError extends Error {
  override readonly name = 'BridgeNetfilterError';
  readonly kind: BridgeNetfilterErrorKind;

  constructor(kind: BridgeNetfilterErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

const folder = '/proc/sys/net/bridge';

/**
 * net.bridge.bridge-nf-call-iptables and -ip6tables of our namespace (kernel doc ip-sysctl, "bridge-nf-call"); null
 * where br_netfilter is not loaded.
 */
export function readBridgeNetfilter(readFile: ReadFile): BridgeCalls | null {
  const ip = readFile(`${folder}/bridge-nf-call-iptables`);
  const ip6 = readFile(`${folder}/bridge-nf-call-ip6tables`);
  return ip === undefined || ip6 === undefined ? null : { ip: ip.trim() !== '0', ip6: ip6.trim() !== '0' };
}

/** The own switches of one bridge (`/sys/class/net/BRIDGE/bridge/nf_call_*`). @throws BridgeNetfilterError, NetlinkError */
export function readBridgeCalls(bridge: string): BridgeCalls {
  using netlink = NetlinkSocket.open('route');
  return find(netlink, bridge).calls;
}

/**
 * Sets the own switches of one bridge, which add to the namespace's sysctls. Over netlink and by index: no path is
 * built from a name, and the namespace is ours whatever /sys shows.
 *
 * @param bridge an interface name, found in the kernel's own list
 * @throws BridgeNetfilterError, NetlinkError
 */
export function writeBridgeCalls(bridge: string, calls: BridgeCalls): void {
  using netlink = NetlinkSocket.open('route');
  setBridgeCalls(netlink, find(netlink, bridge).index, calls);
}

function find(netlink: NetlinkSocket, bridge: string): { index: number; calls: BridgeCalls } {
  const link = listLinks(netlink).find(({ name, kind }) => name === bridge && kind === 'bridge');
  if (link === undefined)
    throw new BridgeNetfilterError('no-bridge', `${JSON.stringify(bridge)} is not a bridge of this host`);
  if (link.bridgeCalls === null)
    throw new BridgeNetfilterError('no-switch', `the kernel has no br_netfilter, so ${link.name} has no switch for it`);
  return { index: link.index, calls: link.bridgeCalls };
}

/** Runs a program to its end; `code` is its exit code, or why it did not run. */
export type RunProgram = (
  program: string,
  args: readonly string[],
) => Promise<{ code: number | string; stderr: string }>;

const runProgram: RunProgram = (program, args) =>
  new Promise((resolve) => {
    execFile(program, args, { timeout: 20_000, killSignal: 'SIGKILL' }, (error, _stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? 'ended'), stderr }),
    );
  });

/**
 * Sees to it that br_netfilter is there, by modprobe where it is missing. Loading it turns the sysctls on in every
 * namespace, as Docker up to 27.3 does at its start.
 *
 * @returns whether it had to be loaded
 * @throws BridgeNetfilterError `no-module`
 */
export async function loadBridgeNetfilter(readFile: ReadFile, run: RunProgram = runProgram): Promise<boolean> {
  if (readBridgeNetfilter(readFile) !== null) return false;
  const { code, stderr } = await run('modprobe', ['br_netfilter']);
  if (readBridgeNetfilter(readFile) !== null) return true;
  const words = stderr
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 200);
  throw new BridgeNetfilterError(
    'no-module',
    `br_netfilter cannot be loaded (modprobe: ${code === 0 ? 'no effect' : code}${words === '' ? '' : `, ${words}`}): install the modules of the running kernel, or run "modprobe br_netfilter" where modules may be loaded`,
  );
}
