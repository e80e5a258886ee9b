import type { ExplainedTable } from '../../packetpath/purpose/types.ts';
import type { Check } from '../finding.ts';
import { tableText } from '../rules.ts';

/** Tables of iptables: in nf_tables others may have any name. */
const names = ['filter', 'nat', 'mangle', 'raw', 'security'];

export const twoRuleEngines: Check = {
  code: 'two-rule-engines',
  severity: 'warning',
  title: 'Rules stand in iptables-legacy and in iptables-nft',
  why: 'The kernel asks both, and each program shows its own alone: what one lets pass the other may stop, and rules on one side say nothing of what happens.',
  evidence: 'rules in tables of both of the kernel’s engines',
  find: ({ rules }) => {
    const tables = (rules?.tables ?? []).filter(
      ({ table }) => names.includes(table.name) && (table.family === 'ip' || table.family === 'ip6'),
    );
    const of = (engine: string) => tables.filter((one) => one.table.engine === engine && countOf(one) > 0);
    const [legacy, nft] = [of('legacy'), of('nf_tables')];
    if (legacy.length === 0 || nft.length === 0) return [];
    const dockers = (some: readonly ExplainedTable[]) =>
      some.some(({ chains }) => chains.some(({ maker, rules: own }) => maker === 'docker' && own.length > 0));
    const other = dockers(legacy) && !dockers(nft) ? 'nft' : 'legacy';
    return [
      {
        seen: [
          `iptables-legacy: ${legacy.map(countText).join(', ')}${dockers(legacy) ? "; Docker's are here" : ''}`,
          `iptables-nft: ${nft.map(countText).join(', ')}${dockers(nft) ? "; Docker's are here" : ''}`,
        ],
        mend: {
          say: `Look at what stands in iptables-${other}, bring what is meant over to the other side, and take it away there.`,
          lines: [...new Set((other === 'legacy' ? legacy : nft).map(({ table }) => table.family))].map((family) => ({
            kind: 'run',
            text: `${family === 'ip' ? 'iptables' : 'ip6tables'}-${other}-save`,
          })),
        },
      },
    ];
  },
};

/** Without Sluice's own, which stand where they were asked to, and need nobody's permission on the other side. */
function countOf({ chains }: ExplainedTable): number {
  const others = chains.flatMap(({ rules }) => rules.filter(({ purpose }) => purpose.maker !== 'sluice'));
  return others.length;
}

function countText(one: ExplainedTable): string {
  const count = countOf(one);
  return `${count} rule${count === 1 ? '' : 's'} in ${tableText(one.table)}`;
}
