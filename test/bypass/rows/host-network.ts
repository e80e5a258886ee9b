import { throughTheHostsCard } from '../../attack/beside-the-card.ts';
import type { Row } from '../row.ts';

const who = 'admin';
const policy = `version: 1
projects:
  app: { allow: [same-project] }
containers:
  ${who}: { allow: none }
`;

export const hostsCard: Row = {
  number: 65,
  title: "NET_ADMIN: an interface upon the host's card",
  tries:
    "The other end of eth0 gives the host's network a number in the container, and by it the kernel makes an interface there for whoever has NET_ADMIN: a macvlan past every hook.",
  is: {
    state: 'told',
    code: 'net-admin',
    names: new RegExp(`^${who}: `),
    under: { policy, allowed: [] },
    prepare: async ({ site, enforce }) => {
      const more = ['--network', 'app_default', '--cap-add', 'NET_ADMIN'];
      await site.host.docker('run', '-d', '--name', who, ...more, 'lab/app');
      await enforce(policy);
      return () => site.host.docker('rm', '-f', who);
    },
    attempt: async ({ site }) => [
      { what: `${who}: a macvlan upon the host's card`, at: await throughTheHostsCard(site, who) },
    ],
  },
};
