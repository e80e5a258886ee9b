import { isOpen } from '../../ruleset/unheld.ts';
import type { Check } from '../finding.ts';

export const notHeld: Check = {
  code: 'not-held',
  severity: 'critical',
  title: 'Policy wants a container enforced that cannot be held',
  why: 'The policy says what it may send, and nothing on this host can see to it.',
  evidence:
    'the policy, compiled for the containers that are there; not those whose bridge drops all that they send, whom `sluice ps` calls cut off',
  find: ({ unheld }) =>
    (unheld ?? []).filter(isOpen).map(({ container, workload, reason, fix }) => ({
      seen: [`${workload === `container/${container.name}` ? workload : `${workload} (${container.name})`}: ${reason}`],
      mend: { say: `${fix.charAt(0).toUpperCase()}${fix.slice(1)}.`, lines: [] },
    })),
};
