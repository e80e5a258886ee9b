import type { Check } from '../finding.ts';
import { mayStopNewcomers } from '../may-stop.ts';
import { chainNamed, hasUnreadTables, programFor, strangersOnTheWay, xtables } from '../rules.ts';

export const unpublishedOpen: Check = {
  code: 'unpublished-open',
  severity: 'warning',
  title: 'Ports that nobody published are open to whoever can route to the containers',
  why: 'Engines up to 27 leave it to the policy of FORWARD to stop what is not published, and that is ACCEPT here.',
  evidence:
    'the rules of an engine up to 27, policy ACCEPT of FORWARD, a running container on a network that is not internal, and no rule of others on the way that may stop new TCP connections to it, but those of single addresses and to single ports',
  find: ({ rules, world }) => {
    if (rules === null || world === null || hasUnreadTables(rules)) return [];
    return rules.layouts
      .filter(({ layouts }) => layouts.every((layout) => layout === 'stages' || layout === 'pairs'))
      .flatMap(({ family, engine }) => {
        const table = xtables(rules, 'filter').find(
          (one) => one.table.family === family && one.table.engine === engine,
        );
        const forward = table === undefined ? undefined : chainNamed(table, 'FORWARD');
        if (table === undefined || forward?.chain.base?.policy !== 'accept') return [];
        const isOther = family === 'ip' ? 'ip6' : 'ip';
        const strangers = strangersOnTheWay(rules).filter((one) => one.table.family !== isOther);
        const open = world.networks.filter(
          (network) =>
            !network.internal &&
            network.bridge !== null &&
            network.subnets.some(({ address }) => address.family === (family === 'ip' ? 4 : 6)) &&
            world.containers.some(
              ({ running, endpoints }) => running && endpoints.some((one) => one.network === network.id),
            ) &&
            !strangers.some((one) => mayStopNewcomers(one, network, world)),
        );
        if (open.length === 0) return [];
        return [
          {
            seen: [
              `${family === 'ip' ? '' : 'ip6 '}filter FORWARD has the policy ACCEPT, and no rule stops new connections to`,
              ...open.map(({ name, bridge }) => `${bridge?.name} (${name})`),
            ],
            mend: {
              say: "Let FORWARD drop what no rule lets pass; Docker's own rules let in what is published, and replies.",
              lines: [{ kind: 'run' as const, text: `${programFor(table.table)} -P FORWARD DROP` }],
            },
          },
        ];
      });
  },
};
