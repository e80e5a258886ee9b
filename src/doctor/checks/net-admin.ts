import type { Container } from '../../world/world.ts';
import type { Facts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { who } from '../words.ts';
import { hasHostsRoot } from './running.ts';

export const netAdmin: Check = {
  code: 'net-admin',
  severity: 'critical',
  title: "A container may change the host's network",
  why: "Where the engine does not map users, its capability counts for the host's interfaces, too: it can put one of its own upon the host's card, past every rule, and take the host's away.",
  // net/core/rtnetlink.c, rtnl_newlink and rtnl_dellink: a namespace that the sender's own knows by a number (the host's is
  // the other end of eth0) is open to whoever has CAP_NET_ADMIN in its user namespace
  evidence: 'the added capability NET_ADMIN, unless the engine maps users (`userns-remap`) and the container has them',
  find: (facts) => {
    const concerned = (facts.world?.containers ?? []).filter(
      (container) => container.running && administersHostsNetwork(container, facts),
    );
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map((container) => `${who(container)}: cap_add NET_ADMIN`),
        mend: {
          say: 'Take it away; or have the engine map users (userns-remap in daemon.json) where a container must have it.',
          lines: [{ kind: 'compose', text: 'cap_drop: [NET_ADMIN] # in place of cap_add' }],
        },
      },
    ];
  },
};

/** Whether it has NET_ADMIN that counts for the host's network, and is not privileged, which is more. */
export function administersHostsNetwork(container: Container, facts: Pick<Facts, 'engine'>): boolean {
  const { powers } = container;
  if (powers === undefined || powers.privileged) return false;
  return powers.capabilities.includes('NET_ADMIN') && hasHostsRoot(container, facts);
}
