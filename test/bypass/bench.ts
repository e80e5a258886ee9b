/** Where an attempt is made: the site, and Sluice on it or not. */
import type { Daemon } from '../../lab/daemon.ts';
import type { Finished } from '../../lab/exec.ts';
import type { Site } from '../../lab/site.ts';
import type { BypassWay } from './row.ts';

export interface Bench extends BypassWay {
  readonly site: Site;
  /** Puts a policy in force. In the control, where there is no Sluice, it does nothing. */
  readonly enforce: (policy: string) => Promise<void>;
  /**
   * The same with a daemon that keeps it in force and is ended after the round.
   * Null in the control, where there is no daemon either.
   */
  readonly keep: (policy: string) => Promise<Daemon | null>;
}

const policyFile = '/etc/sluice/policy.yaml';

/** `sluice apply` of a policy with the bench's backend; a bad exit is in the answer. */
export async function apply(site: Site, { backend }: BypassWay, policy: string): Promise<Finished> {
  site.host.write(policyFile, policy);
  return site.host.sluice('apply', '--backend', backend);
}

/** Throws with Sluice's own words when the policy cannot be put in force. */
export async function mustApply(site: Site, way: BypassWay, policy: string): Promise<void> {
  const done = await apply(site, way, policy);
  if (done.code !== 0) throw new Error(`sluice apply ended with ${done.code}:\n${done.stdout}${done.stderr}`);
}

export async function takeDown(site: Site): Promise<void> {
  const done = await site.host.sluice('down');
  if (done.code !== 0) throw new Error(`sluice down ended with ${done.code}:\n${done.stdout}${done.stderr}`);
}
