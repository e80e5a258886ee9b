import type { Check } from '../finding.ts';

/** Share of the table from which on it is told. */
const near = 0.9;

export const conntrackFull: Check = {
  code: 'conntrack-full',
  severity: 'warning',
  title: "The kernel's table of conversations is nearly full",
  why: 'With a full table new conversations of everybody are dropped, and what is not tracked cannot be told a reply from a request.',
  evidence: `nf_conntrack_count at ${near * 100} % of nf_conntrack_max or more`,
  find: ({ conntrack }) =>
    conntrack === null || conntrack.max === 0 || conntrack.count < near * conntrack.max
      ? []
      : [
          {
            seen: [`${conntrack.count} of ${conntrack.max} conversations`],
            mend: {
              say: 'Look who has so many, and make room.',
              lines: [
                { kind: 'run', text: 'conntrack -L --output extended' },
                { kind: 'run', text: `sysctl -w net.netfilter.nf_conntrack_max=${conntrack.max * 2}` },
              ],
            },
          },
        ],
};
