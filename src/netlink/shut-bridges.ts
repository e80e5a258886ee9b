import { sendBatch } from './batch.ts';
import { describeErrno, NetlinkError } from './error.ts';
import { type ChainAt, cameBy, dropped, newPrerouting, newRule, newTable } from './rule-bytes.ts';
import type { NetlinkSocket } from './socket.ts';

/** The base chain where bridges are shut: the first of ours that IP packets come to. */
export interface ShutAt extends ChainAt {
  /** Of hook prerouting. */
  readonly priority: number;
}

/**
 * Drops whatever IP packet comes from these bridges, before any other rule of the chain, whatever has become of its table:
 * what is missing is made. One small transaction, done when it returns. A filling of the table takes the rules away.
 *
 * @param bridges names of interfaces
 * @throws NetlinkError `refused` when there is another chain of that name
 */
export function shutBridges(
  netlink: Pick<NetlinkSocket, 'sendTogether'>,
  bridges: readonly string[],
  at: ShutAt,
): void {
  if (bridges.length === 0) return;
  const [refusal] = sendBatch(netlink, [
    newTable(at.table),
    newPrerouting(at, at.priority),
    ...bridges.map((bridge) => newRule(at, ...cameBy(bridge), dropped)),
  ]);
  if (refusal === undefined) return;
  const why = describeErrno(refusal.errno);
  throw new NetlinkError('refused', `the kernel refused to shut bridges in inet ${at.table}: ${why}`, refusal.errno);
}
