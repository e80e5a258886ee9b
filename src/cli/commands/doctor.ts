import { checks } from '../../doctor/checks.ts';
import type { Facts } from '../../doctor/facts.ts';
import { examine, type Finding } from '../../doctor/finding.ts';
import type { Context } from '../context.ts';
import { factsOfListing, gather } from '../doctor/gather.ts';
import { doctorLines } from '../doctor/screen.ts';
import type { Exit } from '../exit.ts';
import type { Given } from '../given.ts';
import { readListingFile } from '../listings.ts';
import { requireRoot } from '../root.ts';

/** `sluice doctor`: what weakens enforcement on this host, worst first, each with what mends it. */
export async function doctor(context: Context, given: Given): Promise<Exit> {
  const facts = await factsFor(context, given.text('listing'));
  const findings = examine(facts, checks);
  context.screen.show({ command: 'doctor', version: 1, findings: findings.map(json), unseen: facts.unseen }, (view) =>
    doctorLines(findings, facts.unseen, view),
  );
  return exitOf(findings, facts);
}

async function factsFor(context: Context, listing: string | undefined): Promise<Facts> {
  if (listing !== undefined) return factsOfListing(await readListingFile(context.ports, listing));
  requireRoot(context.ports.user, 'look at all of the host');
  context.screen.progress('looking at the host …');
  return gather(context);
}

/** The worst of it: what could not be looked at may be anything but what was found critical. */
function exitOf(findings: readonly Finding[], { unseen }: Facts): Exit {
  const severities = new Set(findings.map(({ severity }) => severity));
  if (severities.has('critical')) return 'no';
  if (unseen.length > 0) return 'unable';
  return severities.has('warning') ? 'weakened' : 'ok';
}

function json({ code, severity, title, why, seen, mend }: Finding): object {
  return { code, severity, title, seen, why, mend: { say: mend.say, lines: mend.lines } };
}
