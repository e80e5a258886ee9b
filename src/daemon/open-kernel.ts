import type { BackendChoice } from '../enforce/backend.ts';
import { backendOfText, type Choice, chooseBackend, standingBackends } from '../enforce/choose-backend.ts';
import { hostKernel } from '../enforce/host-kernel.ts';
import { hostFacts } from '../enforce/iptables-backend.ts';
import { kernelConntrack } from '../host/conntrack.ts';
import { readSmallFile } from '../host/files.ts';
import { seatingCommands, type XtablesOptions } from '../iptables/backend.ts';
import { XtablesError } from '../iptables/command.ts';
import { toolsOf, type Variant } from '../iptables/tools.ts';
import { LastLine } from '../netlink/last-line.ts';
import { ElementWriter } from '../netlink/set-elements.ts';
import { shutBridges } from '../netlink/shut-bridges.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { arrivalChain } from '../nftables/inet-table.ts';
import { defaultMarks, unprovenMark } from '../nftables/marks.ts';
import { mustNft, nftCommand } from '../nftables/nft.ts';
import type { Store } from '../state/store.ts';
import { howToGive, iptablesCapabilities, missingOf } from './capabilities.ts';
import { heldInIptables } from './held-in-iptables.ts';
import { heldInNftables } from './held-in-nftables.ts';
import type { HeldIn } from './holder.ts';
import { lastLinePort } from './last-line-port.ts';
import { OwnChanges } from './own-changes.ts';
import type { KernelPort, Log } from './ports.ts';
import { lookApart, lookingCommand } from './seen.ts';
import { takingOver } from './taking-over.ts';
import type { XtablesPorts } from './xtables-holder.ts';

/** The host's kernel by one backend, with what is open for it. Disposed of, its last line is gone; our rules stay. */
export type OpenKernel = KernelPort & Disposable;

/**
 * The backend that was asked for, else the one whose rules stand, else the one of those remembered, else the usual one.
 *
 * @throws XtablesError or NftError when it is not on this host
 */
export async function choose(asked: BackendChoice | null, store: Pick<Store, 'readRules'>): Promise<Choice> {
  if (asked !== null) return chooseBackend(asked);
  const standing = await standingBackends();
  if (standing === null || standing.length > 0) return chooseBackend(null);
  const rules = await store.readRules();
  return rules.kind === 'good' ? backendOfText(rules.value.text) : chooseBackend(null);
}

/**
 * The backend that is to come after one by which rules are held: it has to be there before that one ends.
 *
 * @throws XtablesError or NftError when it is not on this host, or does not answer
 */
export async function chooseNext(asked: BackendChoice): Promise<Choice> {
  const choice = await chooseBackend(asked);
  if (choice.backend.name === 'nftables') await mustNft(nftCommand, ['list', 'tables']);
  return choice;
}

/**
 * Opens what it takes to hold rules in a backend. No rule changes by that.
 *
 * @throws XtablesError when a command or a capability is missing; NetlinkError
 */
export async function openKernel(choice: Choice, log: Log): Promise<OpenKernel> {
  using opening = new DisposableStack();
  const netlink = opening.use(NetlinkSocket.open('netfilter'));
  const own = opening.use(new OwnChanges());
  const heldIn = await heldBy(choice, netlink, own, log);
  for (const other of choice.replaced)
    log('info', `taking over from ${other.name}: its rules go when those of ${heldIn.backend} stand`);
  const opened = opening.move();
  return {
    ...takingOver(heldIn, choice),
    isOwn: (portId) => portId === netlink.portId || own.has(portId),
    [Symbol.dispose]: () => opened.dispose(),
  };
}

async function heldBy(
  { backend: { name } }: Choice,
  netlink: NetlinkSocket,
  own: OwnChanges,
  log: Log,
): Promise<HeldIn> {
  if (name !== 'nftables') return heldInIptables(await xtablesPorts(name === 'iptables-nft' ? 'nft' : 'legacy', own));
  const writer = new ElementWriter(netlink);
  return heldInNftables({
    nft: own.run,
    setElements: (remove, add) => writer.set(remove, add),
    shut: (some) => shutBridges(netlink, some, arrivalChain),
    lastLine: lastLinePort(lastLineOver(netlink), log),
    bridges: hostKernel.bridges,
    conntrack: kernelConntrack,
  });
}

/** @throws XtablesError when a command or a capability is missing */
async function xtablesPorts(variant: Variant, { commands }: OwnChanges): Promise<XtablesPorts> {
  const [missing] = missingOf(iptablesCapabilities, readSmallFile('/proc/self/status'));
  if (missing !== undefined)
    throw new XtablesError(
      `the daemon cannot hold rules in iptables without ${missing.name}: it ${missing.use}; ${howToGive(missing)}`,
    );
  const xtables: XtablesOptions = { run: commands.run, tools: await toolsOf(variant, commands.run) };
  for (const [program, args] of seatingCommands(xtables.tools)) commands.keep(program, args);
  return {
    xtables,
    looking: lookingCommand,
    lookApart,
    facts: () => hostFacts(xtables),
    bridges: hostKernel.bridges,
    conntrack: kernelConntrack,
  };
}

function lastLineOver(netlink: NetlinkSocket): LastLine {
  const { priority } = arrivalChain;
  return new LastLine(netlink, { proven: defaultMarks.proven, unproven: unprovenMark, priority });
}
