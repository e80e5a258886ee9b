import { expect } from 'vitest';
import type { Daemon } from '../../lab/daemon.ts';
import type { Site } from '../../lab/site.ts';

/** What `sluice doctor --json` says. */
export interface Told {
  readonly code: number | null;
  readonly findings: readonly {
    readonly code: string;
    readonly severity: string;
    readonly seen: readonly string[];
    readonly mend: {
      readonly say: string;
      readonly lines: readonly { readonly kind: string; readonly text: string }[];
    };
  }[];
  readonly unseen: readonly { readonly what: string; readonly why: string }[];
}

/** Runs it on the host, with more arguments if any. */
export async function doctor(site: Site, ...args: string[]): Promise<Told> {
  const done = await site.host.sluice('doctor', '--json', ...args);
  expect(done.stderr).toBe('');
  return { ...(JSON.parse(done.stdout) as Omit<Told, 'code'>), code: done.code };
}

/** Codes and, where it has any, whom each names. */
export async function codes(site: Site): Promise<readonly string[]> {
  const { findings, unseen } = await doctor(site);
  expect(unseen).toEqual([]);
  return findings.map(({ code }) => code);
}

/**
 * These are found, and no others, once the daemon and the engine have taken in what was done: they know of it a moment
 * later, and on a busy machine after more than one.
 */
export async function expectCodes(site: Site, wanted: readonly string[]): Promise<void> {
  await expect.poll(() => codes(site), { interval: 200 }).toEqual(wanted);
}

/** The one finding with a code. */
export function finding(told: Told, code: string): Told['findings'][number] {
  const found = told.findings.filter((one) => one.code === code);
  expect(
    found.map((one) => one.code),
    JSON.stringify(told.findings.map((one) => one.code)),
  ).toEqual([code]);
  return found[0] as Told['findings'][number];
}

/** Does what a finding says: the lines to run as root, as they are. */
export async function mend(site: Site, one: Told['findings'][number]): Promise<void> {
  for (const { kind, text } of one.mend.lines)
    if (kind === 'run') await site.host.must(['sh', '-ec', text], { env: { PATH: await pathWithSluice(site) } });
}

async function pathWithSluice(site: Site): Promise<string> {
  const [sluice = ''] = await site.host.sluiceCommand();
  return `/usr/sbin:/usr/bin:/sbin:/bin:${sluice.replace(/\/[^/]*$/, '')}`;
}

const policy = `version: 1
projects: { app: { allow: [same-project, internet] } }
`;

/** The article's project as it should be: its port behind a reverse proxy, its resolver named. */
const project = `version: '3'
services:
  app: { image: lab/app, dns: ["192.168.100.2"], ports: ["127.0.0.1:3000:3000"] }
  mongo: { image: lab/app, dns: ["192.168.100.2"] }
networks: { default: { ipam: { config: [{ subnet: 172.20.0.0/16 }] } } }
`;

/** Brings the project up and its policy into force, kept by a daemon. */
export async function soundHost(site: Site): Promise<Daemon> {
  await site.host.compose('app', project, 'up', '-d');
  site.host.write('/etc/sluice/policy.yaml', policy);
  return site.host.daemon();
}
