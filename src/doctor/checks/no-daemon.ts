import type { Check } from '../finding.ts';

export const noDaemon: Check = {
  code: 'no-daemon',
  severity: 'warning',
  title: 'Rules stand, and no daemon keeps them true',
  why: 'Containers that start now are denied instead of held by policy, and rules that somebody takes away stay away.',
  evidence: 'rules of ours are there, and nobody listens on the control socket',
  find: ({ ours }) =>
    ours?.standing === true && ours.daemon === null
      ? [
          {
            seen: ['nobody answers on the control socket'],
            mend: { say: 'Start the daemon.', lines: [{ kind: 'run', text: 'sluice run' }] },
          },
        ]
      : [],
};
