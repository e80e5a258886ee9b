import type { Container, World } from '../../world/world.ts';
import type { Check } from '../finding.ts';
import { who } from '../words.ts';
import { runningWith } from './running.ts';

export const othersProcesses: Check = {
  code: 'others-processes',
  severity: 'warning',
  title: "A container has another one's processes",
  why: "Root in it reaches the other's files by /proc, and what it writes there, that one runs: what the other may send, this one may.",
  // proc(5), /proc/pid/root: open to whoever may trace the process (PTRACE_MODE_READ_FSCREDS), as root of both is
  evidence: '`--pid=container:…` (compose: `pid: "service:…"` or `pid: "container:…"`)',
  find: ({ world }) => {
    const concerned = runningWith(world, ({ processesOf }) => processesOf !== undefined);
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(({ container, powers: { processesOf = '' } }) => {
          const other = found(world, processesOf);
          return `${who(container)}: processes of ${other === undefined ? processesOf : who(other)}`;
        }),
        mend: {
          say: 'Let it have processes of its own, or allow it no more than the other and the other no more than it.',
          lines: [{ kind: 'compose', text: 'pid: "" # in place of service: or container:' }],
        },
      },
    ];
  },
};

/** The engine keeps what it was asked for: a name, an id, or the beginning of one. */
function found(world: World | null, asked: string): Container | undefined {
  const all = world?.containers ?? [];
  return all.find(({ id, name }) => id === asked || name === asked) ?? all.find(({ id }) => id.startsWith(asked));
}
