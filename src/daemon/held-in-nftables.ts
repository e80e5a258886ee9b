import { mustNft } from '../nftables/nft.ts';
import { renderRuleset } from '../nftables/render.ts';
import { readProvenPorts, readStanding } from '../nftables/standing.ts';
import { replaceParts } from '../nftables/transaction.ts';
import type { HeldIn } from './holder.ts';
import { type HolderPorts, KernelHolder } from './kernel-holder.ts';

/** The rules in nftables' tables. */
export function heldInNftables(ports: HolderPorts): HeldIn {
  const { nft } = ports;
  return {
    backend: 'nftables',
    holder: (proven) => new KernelHolder(ports, proven),
    standing: async () => {
      const tables = [readStanding(nft, 'inet', 'sluice'), readStanding(nft, 'bridge', 'sluice')];
      return (await Promise.all(tables)).every((table) => table !== null);
    },
    proven: () => readProvenPorts(nft),
    loadable: (ruleset) => replaceParts(renderRuleset(ruleset)),
    load: async (text) => void (await mustNft(nft, ['-f', '-'], text)),
    narrower: () => [],
    lastLine: () => ports.lastLine.state,
    listing: 'nft list ruleset',
    takeOver: (_ruleset, hold) => hold(),
  };
}
