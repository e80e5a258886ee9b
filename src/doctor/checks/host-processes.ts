import type { Check } from '../finding.ts';
import { who } from '../words.ts';
import { runningWith } from './running.ts';

export const hostProcesses: Check = {
  code: 'host-processes',
  severity: 'warning',
  title: "A container has the host's processes",
  why: "Root in it can end any of them, Sluice's daemon and the engine too, by the capability KILL that every container has.",
  evidence: '`--pid=host` (compose: `pid: host`); with SYS_PTRACE it is `privileged`',
  find: ({ world }) => {
    const concerned = runningWith(world, (powers) => powers.hostProcesses === true);
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(({ container }) => `${who(container)}: pid host`),
        mend: {
          say: 'Let it have processes of its own, or take away what ends those of others.',
          lines: [
            { kind: 'compose', text: 'pid: "" # in place of host' },
            { kind: 'compose', text: 'cap_drop: [KILL]' },
          ],
        },
      },
    ];
  },
};
