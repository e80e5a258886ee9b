import { expect } from 'vitest';
import type { Probe, ProbeSpec } from '../../lab/probe.ts';
import type { Site } from '../../lab/site.ts';
import { backendAt } from './backends.ts';

/** A probe with the name it has in messages. */
export type Attempt = ProbeSpec & { readonly from: string };

/** Puts a policy on the host and applies it; fails with Sluice's own words. */
export async function applyPolicy(site: Site, policy: string): Promise<string> {
  site.host.write('/etc/sluice/policy.yaml', policy);
  const backend = backendAt(site);
  const done = await site.host.sluice('apply', ...(backend === 'nftables' ? [] : ['--backend', backend]));
  expect(done.code, `${done.stdout}${done.stderr}`).toBe(0);
  return done.stdout;
}

/** Takes Sluice out of the kernel again. */
export async function removePolicy(site: Site): Promise<void> {
  const done = await site.host.sluice('down');
  expect(done.code, `${done.stdout}${done.stderr}`).toBe(0);
}

export function describeAttempt({ from, proto = 'tcp', to, port }: Attempt): string {
  const place = to.includes(':') && port !== undefined ? `[${to}]` : to;
  return `${from} → ${place}${port === undefined ? '' : `:${port}`}/${proto}`;
}

/** The attempts that arrived, by name; what a test compares with what should have. */
export async function arrivals(site: Site, attempts: readonly Attempt[]): Promise<readonly string[]> {
  return named(attempts, await site.host.probeMany(attempts), (probe) => probe.arrived);
}

function named(
  attempts: readonly Attempt[],
  probes: readonly Probe[],
  keep: (probe: Probe) => boolean,
): readonly string[] {
  return attempts.filter((_, index) => keep(probes[index] as Probe)).map(describeAttempt);
}

/** Milliseconds; a lost SYN, or question for a neighbour's MAC, is repeated after one second. */
const patience = 2_500;

/** From where attempts are made. */
interface Prober {
  probeMany(attempts: readonly Attempt[]): Promise<readonly Probe[]>;
}

/**
 * Those of which `keep` does not hold, by name. What should come is tried up to three times: on a busy machine a network's
 * first packet is lost now and then, and no denial shows in that.
 */
export async function missing(
  prober: Prober,
  attempts: readonly Attempt[],
  keep: (probe: Probe) => boolean,
): Promise<readonly string[]> {
  let left = attempts;
  for (let round = 0; round < 3 && left.length > 0; round++) {
    const probes = await prober.probeMany(left.map((one) => (round === 0 ? one : { ...one, timeout: patience })));
    left = left.filter((_, index) => !keep(probes[index] as Probe));
  }
  return left.map(describeAttempt);
}

/** The control of every denial: without Sluice each attempt arrives. */
export async function expectControl(site: Site, attempts: readonly Attempt[]): Promise<void> {
  expect(await missing(site.host, attempts, ({ arrived }) => arrived), 'did not arrive').toEqual([]);
}

/** Nothing of `attempts` arrives at anybody. */
export async function expectDenied(site: Site, attempts: readonly Attempt[]): Promise<void> {
  expect(await arrivals(site, attempts)).toEqual([]);
}

/** Everything arrives and is answered. */
export async function expectAllowed(site: Site, attempts: readonly Attempt[]): Promise<void> {
  expect(await missing(site.host, attempts, ({ outcome }) => outcome === 'answered'), 'not answered').toEqual([]);
}

/** Tried together, some arrive, and nothing of the others: the same way is open, and closed to whom policy closes it. */
export async function expectOnly(site: Site, allowed: readonly Attempt[], denied: readonly Attempt[]): Promise<void> {
  const came = await arrivals(site, [...allowed, ...denied]);
  const closed = new Set(denied.map(describeAttempt));
  expect(came.filter((name) => closed.has(name))).toEqual([]);
  await expectControl(
    site,
    allowed.filter((one) => !came.includes(describeAttempt(one))),
  );
}

/** The address of a container on its first network. */
export async function addressOf(site: Site, who: string, family: 4 | 6 = 4): Promise<string> {
  const [first] = (await site.host.container(who)).addresses;
  const address = family === 4 ? first?.v4 : first?.v6;
  if (!address) throw new Error(`${who} has no IPv${family} address`);
  return address;
}

/** Runs something with every rule of Docker's that parts networks out of the way. */
export async function withoutDockersRules<T>(site: Site, body: () => Promise<T>): Promise<T> {
  const change = async (verb: '-I' | '-D') => {
    for (const command of ['iptables', 'ip6tables'])
      for (const [table, hook] of [
        ['raw', 'PREROUTING'],
        ['filter', 'FORWARD'],
      ] as const) {
        const rules = await site.host.must([command, '-t', table, '-S', hook]);
        // an answer to what is denied needs our jump first
        const at = verb === '-I' && /^-A \S+ -j DOCKER-OUTBOUND-/m.test(rules) ? ['2'] : [];
        await site.host.must([command, '-t', table, verb, hook, ...at, '-j', 'ACCEPT']);
      }
  };
  await change('-I');
  try {
    return await body();
  } finally {
    await change('-D');
  }
}
