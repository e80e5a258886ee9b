/** What the tests of hostile compose files share: a site whose daemon holds a policy, and somebody nobody names beside. */
import { expect } from 'vitest';
import type { Daemon } from '../../lab/daemon.ts';
import { EngineRelay } from '../../lab/relay.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import type { Way } from '../packets/backends.ts';
import type { Attempt } from '../packets/support.ts';

export interface Besieged {
  readonly site: Site;
  readonly daemon: Daemon;
  /** Through which the daemon asks the engine. */
  readonly relay: EngineRelay;
}

/** `evil` may reach nothing, `app` the internet, and nobody speaks of `free`. */
export const policy = `version: 1
projects:
  app: { allow: [same-project, internet] }
  evil: { allow: none, services: { constructor: { allow: [internet] } } }
`;

export async function besiege({ engine, backend }: Way): Promise<Besieged> {
  const site = await openSite({ engine });
  site.host.write('/etc/sluice/policy.yaml', policy);
  const relay = await EngineRelay.open(site.host.cell);
  const args = ['--host', relay.address, '--backend', backend];
  return { site, daemon: await site.host.daemon({ args }), relay };
}

/** Another policy, in force at once; what `apply` says. */
export async function decree(site: Site, text: string): Promise<string> {
  site.host.write('/etc/sluice/policy.yaml', text);
  const done = await site.host.sluice('apply');
  expect(done.code, `${done.stdout}${done.stderr}`).toBe(0);
  return done.stdout + done.stderr;
}

/** Far hosts that `evil` may not reach. */
export const outside = (from: string): readonly Attempt[] =>
  [places.private.v4, places.internet.v4].map((to) => ({ from, to, port: 443, timeout: 400 }));

/** A compose file from a plain value: JSON is YAML. */
export function composeFile(services: object, networks: object = {}): string {
  return JSON.stringify({ services, ...(Object.keys(networks).length > 0 ? { networks } : {}) });
}

/** Takes away every container and network, as after each test. */
export async function clear(site: Site): Promise<void> {
  const script = 'docker rm -f $(docker ps -aq) >/dev/null 2>&1; docker network prune -f >/dev/null 2>&1; true';
  await site.host.must(['sh', '-c', script], { timeout: 120_000 });
}

export const image = 'lab/app';
/** A service that does nothing, and is gone at once when it is to go. */
export const idle = { image, entrypoint: ['/bin/sleep', '1000'], stop_grace_period: '0s' };
/** To the internet. */
export const web = (from: string): Attempt => ({ from, to: places.internet.v4, port: 443, timeout: 400 });
