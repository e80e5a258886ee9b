import type { Check } from '../finding.ts';
import { who } from '../words.ts';
import { runningWith } from './running.ts';

export const hostUsers: Check = {
  code: 'host-users',
  severity: 'warning',
  title: "A container has the host's users although the engine maps users",
  why: 'Root in it is root of the host, which the mapping of the engine was to prevent.',
  evidence: '`--userns=host` (compose: `userns_mode: host`) on an engine with userns-remap',
  find: ({ world, engine }) => {
    const concerned = engine?.mapsUsers === true ? runningWith(world, ({ hostUsers }) => hostUsers) : [];
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(({ container }) => `${who(container)}: userns_mode host`),
        mend: {
          say: 'Let the engine map its users.',
          lines: [{ kind: 'compose', text: 'userns_mode: "" # in place of host' }],
        },
      },
    ];
  },
};
