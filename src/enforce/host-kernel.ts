import { writeFileSync } from 'node:fs';
import {
  BridgeNetfilterError,
  loadBridgeNetfilter,
  readBridgeCalls,
  writeBridgeCalls,
} from '../host/bridge-netfilter.ts';
import { kernelConntrack } from '../host/conntrack.ts';
import { readSmallFile } from '../host/files.ts';
import type { BridgeCalls } from '../netlink/link.ts';
import type { BridgeSwitches, EnforcedKernel } from './enforce.ts';
import { nftablesBackend } from './nftables-backend.ts';

/** The kernel of the network namespace we run in, by nftables. */
export const hostKernel: EnforcedKernel = {
  backend: nftablesBackend(),
  replaced: [],
  bridges: hostBridges(),
  conntrack: kernelConntrack,
};

function hostBridges(): BridgeSwitches {
  return {
    load: async () => {
      if (await loadBridgeNetfilter(readSmallFile)) leaveOtherBridgesAlone();
    },
    read: readIfThere,
    set: writeBridgeCalls,
  };
}

function readIfThere(bridge: string): BridgeCalls | null {
  try {
    return readBridgeCalls(bridge);
  } catch (error) {
    if (error instanceof BridgeNetfilterError && error.kind === 'no-bridge') return null;
    throw error;
  }
}

/**
 * A freshly loaded br_netfilter sends the frames of every bridge through iptables, virtual machines' too. We need it on
 * enrolled bridges alone, where their own switches turn it on.
 */
function leaveOtherBridgesAlone(): void {
  for (const hook of ['iptables', 'ip6tables', 'arptables']) {
    writeFileSync(`/proc/sys/net/bridge/bridge-nf-call-${hook}`, '0');
  }
}
