/** What `sluice doctor` says on a site. */
import type { Site } from '../../lab/site.ts';
import type { Finding } from '../../src/doctor/finding.ts';

/** Its findings as they are, whatever the exit code. */
export async function findingsOf(site: Site): Promise<readonly Finding[]> {
  const done = await site.host.sluice('doctor', '--json');
  return (JSON.parse(done.stdout) as { findings: readonly Finding[] }).findings;
}

/** The one with this code that names `who`. */
export async function findingAbout(
  site: Site,
  { code, names }: { readonly code: string; readonly names: RegExp },
): Promise<Finding | undefined> {
  const all = await findingsOf(site);
  return all.find((finding) => finding.code === code && finding.seen.some((line) => names.test(line)));
}
