/** Frames that claim to be somebody else's, and who received them. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as frames from '../../lab/frames.ts';
import { freshToken } from '../../lab/probe.ts';
import type { Site } from '../../lab/site.ts';
import { placeNames } from '../../lab/world.ts';

/** Where somebody stands on a bridge. */
export interface Seat {
  readonly mac: string;
  readonly v4: string;
  readonly v6: string;
}

/** A forged frame with the name it has in messages, and the token by which observers know it. */
export interface Forgery {
  readonly name: string;
  readonly token: string;
  readonly frame: Uint8Array;
}

export async function seatOf(site: Site, who: string): Promise<Seat> {
  const [first] = (await site.host.container(who)).addresses;
  if (first === undefined) throw new Error(`${who} is on no network`);
  return first;
}

/** The host's bridge of a Docker network, by the network's engine name. */
export async function bridgeOf(site: Site, network: string): Promise<string> {
  const format = '{{.Id}} {{with index .Options "com.docker.network.bridge.name"}}{{.}}{{end}}';
  const [id = '', named = ''] = (await site.host.docker('network', 'inspect', '--format', format, network)).split(' ');
  return named === '' ? `br-${id.slice(0, 12)}` : named;
}

/** The host's own seat on a Docker network. */
export async function gatewayOf(site: Site, network: string): Promise<Seat> {
  const bridge = await bridgeOf(site, network);
  const links = JSON.parse(await site.host.must(['ip', '-json', 'addr', 'show', 'dev', bridge])) as {
    address: string;
    addr_info: { family: string; scope: string; local: string }[];
  }[];
  const [link] = links;
  const local = (family: string) =>
    link?.addr_info.find((info) => info.family === family && info.scope === 'global')?.local ?? '';
  return { mac: link?.address ?? '', v4: local('inet'), v6: local('inet6') };
}

/** The link-local address that a MAC gives (RFC 4291, appendix A). */
export function linkLocal(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = frames.mac(mac);
  const word = (high: number, low: number) => ((high << 8) | low).toString(16);
  return `fe80::${word(a ^ 2, b)}:${word(c, 0xff)}:${word(0xfe, d)}:${word(e, f)}`;
}

/** A datagram from `src` at `from` to `dst` at `to`. */
export function forgedUdp(
  name: string,
  at: {
    readonly from: string;
    readonly to: string;
    readonly src: string;
    readonly dst: string;
    sport?: number;
    dport?: number;
  },
): Forgery {
  const token = freshToken();
  const { from, to, src, dst, sport = 5555, dport = 9999 } = at;
  const type = frames.etherType(src);
  return { name, token, frame: frames.ethernet({ from, to, type }, frames.udp({ src, dst, sport, dport }, token)) };
}

/** Sends all of them from one container, and tells by name which reached anybody but the sender. */
export async function sendForgeries(
  site: Site,
  from: string,
  forgeries: readonly Forgery[],
): Promise<readonly string[]> {
  await watchAll(site);
  await site.host.sendFrames(
    from,
    forgeries.map(({ frame }) => frame),
  );
  await sleep(100); // what waits for its neighbour is on its way
  const seen = await seenTokens(site, from);
  return forgeries.filter(({ token }) => seen.has(token)).map(({ name }) => name);
}

/** Sees to it that the host and every container are observed; the far hosts always are. */
export async function watchAll(site: Site): Promise<void> {
  await site.host.observer('host');
  for (const { id } of await site.host.containers()) await site.host.observer(id);
}

/** The tokens of all packets that anybody but the sender has received, ICMP errors that quote them included. */
async function seenTokens(site: Site, sender: string): Promise<ReadonlySet<string>> {
  const own = (await site.host.container(sender)).id;
  const others = (await site.host.containers()).filter(({ id }) => id !== own);
  const observers = await Promise.all(['host', ...others.map(({ id }) => id)].map((who) => site.host.observer(who)));
  const all = [...observers, ...placeNames.map((name) => site.far(name).observer)];
  const packets = await Promise.all(all.map((observer) => observer.seen(({ to, token }) => to !== 'other' && !!token)));
  return new Set(packets.flat().map(({ token }) => token as string));
}

/** A frame around `packet` with an 802.1Q tag (or another tag's EtherType). */
export function withTag(at: { from: string; to: string; vlan: number; tag?: number }, inner: Uint8Array): Uint8Array {
  const type = (inner[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800;
  const tag = [at.vlan >> 8, at.vlan & 255, type >> 8, type & 255];
  return frames.ethernet({ from: at.from, to: at.to, type: at.tag ?? 0x8100 }, Uint8Array.from([...tag, ...inner]));
}

/** A redirect (hop limit 255): for `destination`, ask `target` at `lladdr`. */
export function redirect(h: {
  src: string;
  dst: string;
  target: string;
  destination: string;
  lladdr: string;
}): Uint8Array {
  const body = [0, 0, 0, 0, ...frames.ip(h.target), ...frames.ip(h.destination), 2, 1, ...frames.mac(h.lladdr)];
  return frames.icmp({ src: h.src, dst: h.dst, type: 137, ttl: 255 }, Uint8Array.from(body));
}
