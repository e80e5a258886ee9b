import type { Check } from '../finding.ts';

export const daemonTrouble: Check = {
  code: 'daemon-trouble',
  severity: 'warning',
  title: 'The daemon is in trouble',
  why: 'What it cannot see or do it cannot hold.',
  evidence: 'the daemon says so itself',
  find: ({ ours }) =>
    (ours?.daemon?.troubles ?? []).map(({ message, fix }) => ({
      seen: message.split('\n'),
      mend: { say: fix, lines: [] },
    })),
};
