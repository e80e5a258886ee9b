import type { Container, Powers } from '../../world/world.ts';
import type { Facts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { who } from '../words.ts';
import { hasHostsRoot } from './running.ts';

/**
 * Each of them is the host (capabilities(7)): ALL holds the others; SYS_MODULE loads code into the kernel; SYS_ADMIN
 * mounts the kernel's own files anew, writable, and loads BPF programs that see and change every process;
 * DAC_READ_SEARCH opens any file of the host's file systems by its handle (open_by_handle_at(2)), and who may override
 * permissions, as every container may, for writing too.
 */
const hostly = ['ALL', 'SYS_MODULE', 'SYS_ADMIN', 'DAC_READ_SEARCH'];

export const privileged: Check = {
  code: 'privileged',
  severity: 'critical',
  title: 'A container has the rights of the host',
  why: 'Root in it can change the kernel or the files of the host, and with them the rules that hold it.',
  evidence:
    '`--privileged`; an added capability ALL, SYS_MODULE, SYS_ADMIN or DAC_READ_SEARCH; SYS_PTRACE together with `--pid=host`; not of a container whose users the engine maps',
  find: (facts) => {
    const concerned = (facts.world?.containers ?? []).flatMap((container) => {
      const rights = container.running ? hostlyRights(container, facts) : [];
      return rights.length === 0 ? [] : [{ container, rights }];
    });
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(({ container, rights }) => `${who(container)}: ${rights.join(', ')}`),
        mend: {
          say: 'Give it what it needs by name instead: devices, or single capabilities.',
          lines: [
            { kind: 'compose', text: 'privileged: false' },
            { kind: 'compose', text: 'cap_add: [] # the ones it needs' },
          ],
        },
      },
    ];
  },
};

/** Its rights that are the host's own, as its creator wrote them; none where its root is not the host's. */
export function hostlyRights(container: Container, facts: Pick<Facts, 'engine'>): readonly string[] {
  const { powers } = container;
  return powers !== undefined && hasHostsRoot(container, facts) ? rightsOf(powers) : [];
}

function rightsOf({ privileged: all, capabilities, hostProcesses }: Powers): readonly string[] {
  const traces = hostProcesses === true && capabilities.includes('SYS_PTRACE');
  return [
    ...(all ? ['privileged'] : []),
    ...capabilities.filter((name) => hostly.includes(name)).map((name) => `cap_add ${name}`),
    ...(traces ? ['pid host with cap_add SYS_PTRACE'] : []),
  ];
}
