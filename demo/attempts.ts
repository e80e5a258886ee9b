import type { Probe, ProbeSpec } from '../lab/probe.ts';
import { hostAddress, places } from '../lab/world.ts';

/** One line of the demo's table. */
export interface Attempt {
  readonly what: string;
  readonly spec: ProbeSpec;
  /** Who sends: a service of the project, or the LAN client in front of it. */
  readonly from: 'app/app' | 'LAN client';
}

/** What the article's project tries. `mongo`: the address of its neighbour; `gateway`: the host's on its network. */
export function attempts({ mongo, gateway }: { readonly mongo: string; gateway: string }): readonly Attempt[] {
  const app = (what: string, spec: ProbeSpec): Attempt => ({ what, spec, from: 'app/app' });
  return [
    app('the HTTP proxy', { to: places.proxy.v4, port: 3128 }),
    app('the resolver', { to: places.dns.v4, port: 53, proto: 'udp' }),
    app('mongo, its neighbour', { to: mongo, port: 27017 }),
    app('the internet', { to: places.internet.v4, port: 443 }),
    { what: 'its published port', spec: { to: hostAddress.v4, port: 3000 }, from: 'LAN client' },
    app('the resolver, over TCP', { to: places.dns.v4, port: 53 }),
    app('SSH of another host', { to: places.private.v4, port: 22 }),
    app('ping of that host', { to: places.private.v4, proto: 'icmp' }),
    app('a database at the site', { to: places.ten.v4, port: 5432 }),
    app('cloud metadata', { to: places.metadata.v4, port: 80 }),
    app('SSH of the Docker host', { to: hostAddress.v4, port: 22 }),
    app('the host by its gateway', { to: gateway, port: 9000, proto: 'udp' }),
  ];
}

export interface Result {
  readonly attempt: Attempt;
  readonly probe: Probe;
}

/** Whether it reached the far side, as an observer there saw it. */
export function reached({ probe }: Result): boolean {
  return probe.arrived;
}
