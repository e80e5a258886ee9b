import type { Check } from '../finding.ts';
import { tableText } from '../rules.ts';

export const firewalldEmpties: Check = {
  code: 'firewalld-empties',
  severity: 'warning',
  title: 'firewalld empties the tables of iptables',
  why: 'By iptables it takes away everybody’s rules there when it starts and when it reloads. The engine’s come back when the engine hears of it or starts anew; rules of yours, in DOCKER-USER or a filter of your own, do not. What Sluice holds in nftables stays; what it holds in iptables is gone until its daemon puts it back.',
  evidence: 'chains in the tables of iptables that only firewalld’s iptables backend makes',
  find: ({ rules }) => {
    const seen = (rules?.tables ?? []).flatMap(({ table, maker, chains }) => {
      const theirs = maker === 'firewalld' ? [] : chains.filter((one) => one.maker === 'firewalld');
      const [first] = theirs;
      return first === undefined ? [] : [`${tableText(table)}: ${theirs.length} chains, such as ${first.chain.name}`];
    });
    if (seen.length === 0) return [];
    return [
      {
        seen,
        mend: {
          say: 'Let firewalld hold its rules in a table of its own, as it does when it is not told otherwise.',
          lines: [
            { kind: 'file', text: '/etc/firewalld/firewalld.conf: FirewallBackend=nftables' },
            { kind: 'run', text: 'systemctl restart firewalld docker' },
          ],
        },
      },
    ];
  },
};
