/** A container that puts an interface upon the host's own card, past every hook. */
import type { Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';

/** A free address of the LAN that the host's card is on. */
const onLan = '192.168.0.77';

/** Nothing but NET_ADMIN and NET_RAW, in the container's network; and one less. */
export const capable = ['setpriv', '--bounding-set=-all,+net_admin,+net_raw', '--no-new-privs'];
export const less = ['setpriv', '--bounding-set=-all,+net_raw', '--no-new-privs'];

/**
 * Who hears it: the other end of its eth0 is in the host's network, so that network has a number in the container's
 * (rtnetlink(7), IFLA_LINK_NETNSID), and the kernel makes an interface there for whoever has NET_ADMIN.
 *
 * @param may the command it runs `ip` with; what it lacks the kernel says, which is the answer then
 */
export async function throughTheHostsCard(site: Site, who: string, may = capable): Promise<readonly string[]> {
  const ipWith = (rights: readonly string[], ...command: string[]) =>
    site.host.inNetworkOf(who, [...rights, 'ip', ...command]);
  const ip = (...command: string[]) => ipWith(may, ...command);
  const links = (said: string) => JSON.parse(said) as { ifindex: number; ifname: string }[];
  const card = links(await site.host.must(['ip', '-json', 'link', 'show', 'eth0']))[0]?.ifindex ?? 0;
  // `ip` takes names, the kernel the index behind it: an interface here that has the card's index there
  let alias = links((await ip('-json', 'link')).stdout).find(({ ifindex }) => ifindex === card)?.ifname;
  if (alias === undefined) {
    alias = 'alias0';
    // some have one by chance, and what is asked is whether the kernel minds: so it is there for who could not make it
    const made = await ipWith(capable, 'link', 'add', 'index', String(card), 'name', alias, 'type', 'bridge');
    if (made.code !== 0) throw new Error(`no interface with the card's index ${card}: ${made.stderr}`);
  }
  const upon = (link: string) =>
    ip('link', 'add', 'link', link, 'link-netnsid', '0', 'name', 'out0', 'type', 'macvlan', 'mode', 'bridge');
  let made = await upon(alias);
  // newer ones of `ip` (6.15 is one) look the name up in the other network, where it is the card's own
  if (made.stderr.includes('Cannot find device')) made = await upon('eth0');
  if (made.code !== 0) return [made.stderr.trim()];
  await ip('addr', 'add', `${onLan}/32`, 'dev', 'out0');
  await ip('link', 'set', 'out0', 'up');
  await ip('route', 'add', `${places.private.v4}/32`, 'dev', 'out0', 'src', onLan);
  const probe = await site.host.probe(who, { to: places.private.v4, port: 9_999, proto: 'udp', source: onLan });
  await ip('link', 'del', 'out0');
  return probe.at;
}
