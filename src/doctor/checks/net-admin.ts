import type { Check } from '../finding.ts';
import { who } from '../words.ts';
import { runningWith } from './running.ts';

export const netAdmin: Check = {
  code: 'net-admin',
  severity: 'warning',
  title: 'A container may change its own network',
  why: 'It can take other addresses, flush the rules inside its namespace, also those that bring its lookups to the engine, and build tunnels; what holds it is on the host alone.',
  evidence: 'the added capability NET_ADMIN',
  find: ({ world }) => {
    const concerned = runningWith(
      world,
      ({ privileged, capabilities }) => !privileged && capabilities.includes('NET_ADMIN'),
    );
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(({ container }) => `${who(container)}: cap_add NET_ADMIN`),
        mend: {
          say: 'Take it away unless it is a VPN or a router.',
          lines: [{ kind: 'compose', text: 'cap_drop: [NET_ADMIN] # in place of cap_add' }],
        },
      },
    ];
  },
};
