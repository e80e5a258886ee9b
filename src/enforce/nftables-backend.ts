import { applyRuleset, type NftablesOptions, nftablesDefaults, removeTables, renderText } from '../nftables/backend.ts';
import { holdsRuleset, standsAs } from '../nftables/holds.ts';
import { mustNft } from '../nftables/nft.ts';
import { renderRuleset } from '../nftables/render.ts';
import { readProvenPorts } from '../nftables/standing.ts';
import { transactionText } from '../nftables/transaction.ts';
import type { Backend } from './backend.ts';

/** nf_tables by the host's nft. */
export function nftablesBackend(options: NftablesOptions = nftablesDefaults): Backend {
  return {
    name: 'nftables',
    apply: (ruleset) => applyRuleset(ruleset, options),
    provenPorts: () => readProvenPorts(options.run),
    remove: () => removeTables(options.run),
    holds: (ruleset) => holdsRuleset(ruleset),
    loadable: async (ruleset) =>
      renderRuleset(ruleset, options.marks)
        .map((table) => {
          const path = `${table.family} ${table.name}`;
          return `table ${path} { }\ndelete table ${path}\n${transactionText(table, null)}`;
        })
        .join('\n'),
    load: async (text) => void (await mustNft(options.run, ['-f', '-'], text)),
    standsAs,
    narrower: () => [],
    text: async (ruleset) => renderText(ruleset, options),
  };
}
