import type { Check } from '../finding.ts';
import { who } from '../words.ts';
import { runningWith } from './running.ts';

/** Each of them is the host: ALL holds the other, and who may load a module is in the kernel (capabilities(7)). */
const hostly = ['ALL', 'SYS_MODULE'];

export const privileged: Check = {
  code: 'privileged',
  severity: 'critical',
  title: 'A container has the rights of the host',
  why: 'Root in it can change the kernel, and with it the rules that hold it.',
  evidence: '`--privileged`, or the added capability ALL or SYS_MODULE',
  find: ({ world }) => {
    const concerned = runningWith(
      world,
      ({ privileged, capabilities }) => privileged || capabilities.some((name) => hostly.includes(name)),
    );
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(({ container, powers }) => {
          const added = powers.capabilities.filter((name) => hostly.includes(name));
          const what = [...(powers.privileged ? ['privileged'] : []), ...added.map((name) => `cap_add ${name}`)];
          return `${who(container)}: ${what.join(', ')}`;
        }),
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
