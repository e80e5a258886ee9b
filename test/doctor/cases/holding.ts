import { factsOf, unheld } from '../facts.ts';
import type { Chapter } from './chapter.ts';

/** Whether the policy is held, by whom, and who may change it. */
export const holding: Chapter = {
  found: [
    [
      'none of our tables',
      'nothing-stands',
      factsOf({}, { ours: { standing: false, altered: null, daemon: null } }),
      /no daemon/,
      'sluice run',
    ],
    [
      'none while the daemon runs',
      'nothing-stands',
      factsOf({}, { ours: { standing: false, altered: null, daemon: { troubles: [], lastLine: 'stands' } } }),
      'no rules of ours are there',
      'sluice apply',
    ],
    [
      'tables that were edited',
      'altered-tables',
      factsOf({}, { ours: { standing: true, altered: true, daemon: null } }),
      /lack rules/,
      'sluice apply',
    ],
    [
      'no daemon',
      'no-daemon',
      factsOf({}, { ours: { standing: true, altered: false, daemon: null } }),
      /control socket/,
      'sluice run',
    ],
    [
      'a daemon in trouble',
      'daemon-trouble',
      factsOf(
        {},
        {
          ours: {
            standing: true,
            altered: null,
            daemon: { troubles: [{ message: 'the engine is gone', fix: 'start it' }], lastLine: 'stands' },
          },
        },
      ),
      'the engine is gone',
      '',
    ],
    [
      'a daemon on an old kernel',
      'no-last-line',
      factsOf({}, { ours: { standing: true, altered: null, daemon: { troubles: [], lastLine: 'unsupported' } } }),
      /no tables that a process owns/,
      '',
    ],
    [
      "a daemon whose last line's name is taken",
      'no-last-line',
      factsOf({}, { ours: { standing: true, altered: null, daemon: { troubles: [], lastLine: 'taken' } } }),
      /is not the daemon's/,
      'nft delete table inet sluice-last',
    ],
    [
      'who cannot be held',
      'not-held',
      factsOf({}, { unheld: [unheld('enforce')] }),
      "app/app (app-app-1): it uses the host's network",
      '',
    ],
    [
      'a policy of another user',
      'writable-policy',
      factsOf({}, { writable: [{ path: '/etc/sluice/policy.yaml', kind: 'file', uid: 1000, gid: 0, mode: 0o664 }] }),
      /user 1000, group 0, mode 0664/,
      'chown root:root -- /etc/sluice/policy.yaml',
    ],
    [
      'a folder that all may write',
      'writable-policy',
      factsOf({}, { writable: [{ path: "/etc/it's", kind: 'folder', uid: 0, gid: 0, mode: 0o777 }] }),
      /folder of user 0/,
      "chmod go-w -- '/etc/it'\\''s'",
    ],
  ],
  quiet: [
    ['who is to be audited and cannot be', factsOf({}, { unheld: [unheld('audit')] })],
    ['who is to be enforced, is not known and so is cut off', factsOf({}, { unheld: [unheld('enforce', true)] })],
    [
      'a daemon that does not say',
      factsOf({}, { ours: { standing: true, altered: null, daemon: { troubles: [], lastLine: null } } }),
    ],
  ],
};
