import type { Check } from '../finding.ts';

export const alteredTables: Check = {
  code: 'altered-tables',
  severity: 'critical',
  title: "Sluice's own rules are not what was put into the kernel",
  why: 'Somebody changed them while no daemon was there to put them back, so what they let pass is not what policy says.',
  evidence: 'every chain and set that was applied, compared with what the kernel lists; only while no daemon runs',
  find: ({ ours }) =>
    ours?.standing === true && ours.altered === true
      ? [
          {
            seen: ['they lack rules or elements that the last apply put there, or have others'],
            mend: {
              say: 'Put them back, and let the daemon see to it that they stay.',
              lines: [
                { kind: 'run', text: 'sluice apply' },
                { kind: 'run', text: 'sluice run' },
              ],
            },
          },
        ]
      : [],
};
