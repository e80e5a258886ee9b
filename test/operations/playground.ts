/** A Docker host that random operations are done to, and what they may be done to at the moment. */

import { join } from 'node:path';
import type { Daemon } from '../../lab/daemon.ts';
import { until } from '../../lab/exec.ts';
import { checkout } from '../../lab/host.ts';
import { EngineRelay } from '../../lab/relay.ts';
import type { Engine } from '../../lab/roots.ts';
import { openSite, type Site } from '../../lab/site.ts';
import type { Random } from '../agreement/random.ts';

const policyPath = '/etc/sluice/policy.yaml';
const state = '/var/lib/sluice';
const script = '/opt/checkout/test/operations/standing.ts';

/** Good policies, each naming other things in other ways. */
const policies: readonly [string, ...string[]] = [
  `version: 1
projects: { red: { allow: [same-project, internet] }, green: { allow: none } }
`,
  `version: 1
guardrails: { deny: [cloud-metadata] }
defaults: { unknown-bridge: deny, labels: trusted }
projects:
  red:
    allow: [internet]
    services: { s0: { allow: [service/s1, "project/green/s0:80"] }, s1: { mode: audit, allow: none } }
containers: { "plain-*": { allow: ["internet:443", dns] } }
`,
  `version: 1
defaults: { unmanaged: deny, denied: drop }
projects:
  green: { allow: ["network/blue_default", containers, "10.0.0.0/8:1-1000/udp"] }
  "b*": { mode: audit, allow: [private, host] }
containers: { "plain-1": { mode: off, allow: any } }
`,
  `version: 1
projects: {}
`,
];
const broken = ['projects: [\n', 'version: 1\nprojects: { red: { allow: [no-such-group] } }\n', ''] as const;

/** Compose projects; how many services each has changes with each `up`. */
export const projects = ['red', 'green', 'blue'] as const;
/** Names of containers that nothing of Compose's makes, and of networks that they are connected to. */
export const plain = [0, 1, 2, 3, 4, 5].map((number) => `plain-${number}`);
export const networks = ['net-0', 'net-1', 'net-2'] as const;

export class Playground implements AsyncDisposable {
  readonly site: Site;
  readonly relay: EngineRelay;
  readonly random: Random;
  daemon: Daemon;
  #policyIsGood = true;

  private constructor(site: Site, relay: EngineRelay, random: Random, daemon: Daemon) {
    this.site = site;
    this.relay = relay;
    this.random = random;
    this.daemon = daemon;
  }

  static async open(engine: Engine, random: Random): Promise<Playground> {
    const site = await openSite({ engine, liveRestore: true });
    try {
      for (const folder of ['src', 'node_modules', 'test'])
        await site.host.bind(join(checkout, folder), `/opt/checkout/${folder}`);
      site.host.write('/opt/checkout/package.json', '{ "type": "module" }');
      site.host.write(policyPath, policies[0]);
      const relay = await EngineRelay.open(site.host.cell);
      const daemon = await site.host.daemon({ args: ['--host', relay.address] });
      return new Playground(site, relay, random, daemon);
    } catch (error) {
      await site.stop();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.site.stop();
  }

  async startDaemon(): Promise<void> {
    this.daemon = await this.site.host.daemon({ args: ['--host', this.relay.address] });
  }

  /** Another good policy, and the daemon told. */
  changePolicy(): void {
    this.site.host.write(policyPath, this.random.pick(policies));
    this.#policyIsGood = true;
    this.daemon.signal('SIGHUP');
  }

  breakPolicy(): void {
    this.site.host.write(policyPath, this.random.pick(broken) ?? '');
    this.#policyIsGood = false;
    this.daemon.signal('SIGHUP');
  }

  /** Waits until the kernel holds what policy says of the world; throws with what differs when it does not come to. */
  async expectAgreement(limit: number): Promise<void> {
    if (!this.#policyIsGood) this.changePolicy();
    let differences: readonly string[] = [];
    const look = async () => {
      if ((await this.daemon.status()).filesDiffer !== false) return undefined;
      const node = '/opt/checkout/node_modules/.bin/node';
      const said = await this.site.host.must([node, script, policyPath, state], { timeout: 60_000 });
      ({ differences } = JSON.parse(said) as { differences: readonly string[] });
      return differences.length === 0 ? true : undefined;
    };
    try {
      await until('the kernel as policy and world are', look, limit, 500);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${differences.slice(0, 20).join('\n')}`, { cause: error });
    }
  }
}
