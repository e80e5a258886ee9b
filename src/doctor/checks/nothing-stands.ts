import type { Check } from '../finding.ts';

export const nothingStands: Check = {
  code: 'nothing-stands',
  severity: 'critical',
  title: 'Nothing of Sluice is in the kernel',
  why: 'Containers send whatever Docker lets them.',
  evidence: 'neither nf_tables nor iptables has rules of ours',
  find: ({ ours }) =>
    ours === null || ours.standing
      ? []
      : [
          {
            seen: [`no rules of ours are there${ours.daemon === null ? ', and no daemon runs' : ''}`],
            mend: {
              say: 'Put the policy into the kernel, and keep it there.',
              lines: [
                { kind: 'run', text: 'sluice apply' },
                { kind: 'run', text: 'sluice run' },
              ],
            },
          },
        ],
};
