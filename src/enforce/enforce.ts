import { isDeepStrictEqual } from 'node:util';
import type { Conntrack } from '../host/conntrack.ts';
import { protocolNumbers } from '../ip/protocol.ts';
import type { Flow } from '../netlink/conntrack.ts';
import type { BridgeCalls } from '../netlink/link.ts';
import { defaultMarks } from '../nftables/marks.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';
import type { Backend } from './backend.ts';
import {
  concernsContainer,
  type ForbiddenFlow,
  forbiddenFlows,
  outlivingTheirEntry,
  unprovenFlows,
} from './forbidden.ts';

/**
 * The per-bridge switches that hand a bridge's frames to inet's hooks, whatever the sysctls say, and keep it from
 * learning what no hook has seen.
 */
export interface BridgeSwitches {
  /** Makes br_netfilter available; throws when the kernel has none. */
  load(): Promise<void>;
  /** null when there is no such bridge. */
  read(bridge: string): BridgeCalls | null;
  set(bridge: string, to: BridgeCalls): void;
}

/** Everything of the kernel that enforcing touches. */
export interface EnforcedKernel {
  readonly backend: Backend;
  /** Backends whose rules go once those of `backend` stand. Until then both hold, and what either denies is denied. */
  readonly replaced: readonly Backend[];
  /** What holds in between, where the two cannot stand side by side without losing packets. */
  readonly between?: Backend;
  readonly bridges: BridgeSwitches;
  readonly conntrack: Conntrack;
}

export interface Enforced {
  /** Live conversations that ended because the ruleset forbids them. */
  readonly cut: readonly ForbiddenFlow[];
  /** Bridges we switched, with how they stood before. */
  readonly switched: ReadonlyMap<string, BridgeCalls>;
}

/**
 * Makes the kernel hold a ruleset: first the bridges hand their frames to inet, then all rules change at once, then what lives on and is now forbidden is cut.
 *
 * @param now milliseconds since the epoch
 * @throws NftError, XtablesError, NotHeldError, NetlinkError or the bridge switches' error; before the transaction nothing has changed that lets
 *   less or more pass
 */
export async function enforce(ruleset: Ruleset, kernel: EnforcedKernel, now: number): Promise<Enforced> {
  const before = await Promise.all([kernel.backend, ...kernel.replaced].map((backend) => backend.provenPorts()));
  const provenBefore = new Set(before.flatMap((ports) => [...ports]));
  const switched = await handToInet(ruleset, kernel.bridges);
  await takeOver(ruleset, kernel);
  return { cut: cutForbidden(ruleset, kernel.conntrack, provenBefore, now), switched };
}

/** The new rules stand before the old ones go, at every moment. */
async function takeOver(
  ruleset: Ruleset,
  { backend, replaced, between }: Pick<EnforcedKernel, 'backend' | 'replaced' | 'between'>,
): Promise<void> {
  if (between === undefined) {
    await backend.apply(ruleset);
    for (const other of replaced) await other.remove(backend);
    return;
  }
  await between.apply(ruleset);
  for (const other of replaced) await other.remove();
  await backend.apply(ruleset);
  await between.remove();
}

/** Of a frame to 01:80:c2:00:00:0e no hook hears unless it is forwarded. */
const unheardGroup = 1 << 0xe;

/** What frames of an enrolled bridge need: inet's hooks, and no way past those, be it to a neighbour's place in its table. */
function judged({ learnsLinkLocal, forwardedGroups }: BridgeCalls): BridgeCalls {
  return {
    ip: true,
    ip6: true,
    ...(learnsLinkLocal === undefined ? {} : { learnsLinkLocal: false }),
    ...(forwardedGroups === undefined ? {} : { forwardedGroups: forwardedGroups | unheardGroup }),
  };
}

/**
 * Makes the enrolled bridges hand their frames to inet's hooks.
 *
 * @returns the bridges that had to be switched, with how they stood before
 */
export async function handToInet(
  ruleset: Pick<Ruleset, 'bridges'>,
  bridges: BridgeSwitches,
): Promise<ReadonlyMap<string, BridgeCalls>> {
  if (ruleset.bridges.length > 0) await bridges.load();
  const switched = new Map<string, BridgeCalls>();
  for (const { name } of ruleset.bridges) {
    const before = bridges.read(name);
    if (before === null) continue;
    const to = judged(before);
    if (isDeepStrictEqual(before, to)) continue;
    bridges.set(name, to);
    switched.set(name, before);
  }
  return switched;
}

/**
 * Ends live conversations that a ruleset forbids, after its rules stand. Judging every packet stops what the container
 * sends; deleting the entry stops what its peer still pushes. TCP keeps its entry: the container's next packet, be it an
 * acknowledgement, is answered with a reset, and both know at once. Until then it is marked, so that no error about it passes
 * for part of what is allowed; a policy that allows it again takes the mark away.
 *
 * @param provenBefore names of the ports whose senders were proven before: what a new one answers is judged afresh
 * @param now milliseconds since the epoch
 * @returns what was ended
 */
export function cutForbidden(
  ruleset: Ruleset,
  conntrack: Conntrack,
  provenBefore: ReadonlySet<string>,
  now: number,
): readonly ForbiddenFlow[] {
  const live = conntrack.dumpFlows(concernsContainer(ruleset));
  const forbidden = forbiddenFlows(ruleset, live, now);
  const unproven = unprovenFlows(ruleset, live, ({ port }) => !provenBefore.has(port.name));
  const kept = new Set(outlivingTheirEntry(ruleset, forbidden, now));
  const cut = forbidden.filter((one) => !kept.has(one) && one.flow.original.protocol !== protocolNumbers.tcp);
  const ended = new Set([...cut.map(({ flow }) => flow), ...unproven]);
  for (const { flow } of kept) ended.delete(flow);
  if (ended.size > 0) conntrack.deleteFlows([...ended]);
  const left = new Set(forbidden.map(({ flow }) => flow).filter((flow) => !ended.has(flow)));
  markForbidden(left, live, conntrack);
  return forbidden;
}

function markForbidden(left: ReadonlySet<Flow>, live: readonly Flow[], conntrack: Conntrack): void {
  const bit = defaultMarks.forbidden;
  const isMarked = ({ mark }: Flow) => (mark & bit) !== 0;
  const added = [...left].filter((flow) => !isMarked(flow));
  const again = live.filter((flow) => isMarked(flow) && !left.has(flow));
  if (added.length > 0) conntrack.markFlows(added, bit, 'set');
  if (again.length > 0) conntrack.markFlows(again, bit, 'clear');
}

/**
 * Takes everything of ours out of the kernel and sets the bridges back as they stood before us.
 *
 * @param switched what {@link enforce} reported, over all the times it ran
 * @returns the backends of which there was anything to take away
 */
export async function release(
  switched: ReadonlyMap<string, BridgeCalls>,
  kernel: { readonly backends: readonly Backend[]; readonly bridges: BridgeSwitches },
): Promise<readonly Backend[]> {
  const removed: Backend[] = [];
  for (const backend of kernel.backends) if (await backend.remove()) removed.push(backend);
  for (const [name, before] of switched) {
    if (kernel.bridges.read(name) !== null) kernel.bridges.set(name, before);
  }
  return removed;
}
