import { deleteFlow, type Flow, listFlows, markFlow } from '../netlink/conntrack.ts';
import { NetlinkSocket } from '../netlink/socket.ts';

/** The kernel's table of conversations; the real one is {@link kernelConntrack}. */
export interface Conntrack {
  dumpFlows(wanted: (flow: Flow) => boolean): readonly Flow[];
  deleteFlows(flows: readonly Flow[]): Deleted;
  markFlows(flows: readonly Flow[], bit: number, to: 'set' | 'clear'): void;
}

export interface Deleted {
  /** Entries we deleted. */
  readonly deleted: number;
  /** Entries that had ended meanwhile. */
  readonly gone: number;
}

/**
 * The conversations of our namespace that `wanted` takes, both families; none where conntrack is not in the kernel.
 * Blocks while it reads the table.
 *
 * @throws NetlinkError
 */
export function dumpFlows(wanted: (flow: Flow) => boolean): readonly Flow[] {
  using netlink = NetlinkSocket.open('netfilter');
  return listFlows(netlink, wanted);
}

/**
 * Ends conversations: the next packet of each is judged as the first one of a new conversation. An entry is found by
 * its tuple and its id, so one that began meanwhile with the same tuple stays.
 *
 * @throws NetlinkError after which some entries may be left; do it again
 */
export function deleteFlows(flows: readonly Flow[]): Deleted {
  using netlink = NetlinkSocket.open('netfilter');
  const deleted = flows.filter((flow) => deleteFlow(netlink, flow)).length;
  return { deleted, gone: flows.length - deleted };
}

/**
 * Sets or clears one bit of conversations' marks, and leaves the other bits to whoever uses them; those that have ended are
 * passed over.
 *
 * @throws NetlinkError after which some may be unchanged; do it again
 */
export function markFlows(flows: readonly Flow[], bit: number, to: 'set' | 'clear'): void {
  using netlink = NetlinkSocket.open('netfilter');
  for (const flow of flows) markFlow(netlink, flow, bit, to);
}

export const kernelConntrack: Conntrack = { dumpFlows, deleteFlows, markFlows };
