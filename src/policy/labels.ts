import { modes } from './blocks.ts';
import { diagnostic } from './codes.ts';
import { parseShort } from './destination.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { Groups } from './groups.ts';
import type { AllowItem, AllowList, Block, Destination, Mode } from './model.ts';
import type { Report } from './piece.ts';
import { type SourceRef, sourceOfLabels } from './source.ts';
import { didYouMean } from './suggest.ts';
import { checkUses } from './uses.ts';
import { weightOfL4 } from './weight.ts';

const keys = ['sluice.mode', 'sluice.allow', 'sluice.deny'];

/** Characters of one label that are read: what a container's creator writes must not be work for everybody. */
const longestLabel = 16_384;
/** Elements of sets that a container's labels may come to: nor may they fill the kernel for everybody. */
const mostElements = 1_000;
/** So many labels that are not ours are told of. */
const mostUnknown = 10;

/**
 * Reads what a container's labels say: `sluice.mode`, `sluice.allow`, `sluice.deny`, entries in short form separated by
 * spaces. Networks are written by their engine name; `inherit` is left to who knows the levels.
 *
 * Labels in error fail closed: the block then allows nothing and has no mode of its own.
 *
 * @param groups of the policy; when given, entries are checked against them as those of the policy file are
 * @returns block null when no label speaks to us
 */
export function readLabels(
  labels: ReadonlyMap<string, string>,
  containerName: string,
  groups?: Groups,
): { readonly block: Block | null; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const report: Report = (found) => diagnostics.push(found);
  const ours = [...labels].filter(([key]) => key.startsWith('sluice.')).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (ours.length === 0) return { block: null, diagnostics };
  const place = (text: string) => sourceOfLabels(containerName, text);
  for (const [key, value] of ours) {
    if (key.length + value.length <= longestLabel) continue;
    const found = `the label ${key.slice(0, 100)} has ${value.length} characters; ${longestLabel} are read`;
    report(diagnostic('tooMuch', place(key.slice(0, 100)), found, { fix: 'write what it says in the policy file' }));
  }
  if (diagnostics.length > 0) {
    const source = place('a label beyond the limits');
    return { block: { allow: { items: [], source }, source }, diagnostics };
  }
  for (const [key] of ours.filter(([key]) => !keys.includes(key)).slice(0, mostUnknown)) {
    const fix = didYouMean(key, keys) ?? `there are ${keys.join(', ')}`;
    report(diagnostic('unknownLabel', place(key), `unknown label "${key}"`, { fix }));
  }
  const [modeText, allowText, denyText] = keys.map((key) => labels.get(key));
  const mode = modeText === undefined ? undefined : readMode(modeText, place, report);
  const allow = allowText === undefined ? undefined : readAllowLabel(allowText, place, report);
  const deny = denyText === undefined ? undefined : readDenyLabel(denyText, place, report);
  checkSize(allow, deny ?? [], place, report);
  if (groups !== undefined) checkGroups(allow, deny, groups, report);
  const said = ours.slice(0, keys.length + mostUnknown).map(([key, value]) => `${key}=${value}`);
  const source = place(said.join(' '));
  if (diagnostics.some(({ severity }) => severity === 'error'))
    return { block: { allow: { items: [], source }, ...(deny === undefined ? {} : { deny }), source }, diagnostics };
  const block: Block = {
    ...(mode === undefined ? {} : { mode, modeSource: place(mode) }),
    ...(allow === undefined ? {} : { allow }),
    ...(deny === undefined ? {} : { deny }),
    source,
  };
  return { block, diagnostics };
}

type Place = (text: string) => SourceRef;

function readMode(text: string, place: Place, report: Report): Mode | undefined {
  const mode = modes.find((known) => known === text.trim());
  if (mode === undefined)
    report(
      diagnostic('notAWord', place(text), `sluice.mode is ${modes.join(', ')}, not "${text}"`, {
        fix: didYouMean(text, modes),
      }),
    );
  return mode;
}

function readAllowLabel(text: string, place: Place, report: Report): AllowList | undefined {
  const words = split(text, 'sluice.allow', 'write "none" to deny everything', place, report);
  if (words === undefined) return undefined;
  const source = place(text);
  const items = words.flatMap((word): readonly (AllowItem | 'none')[] => {
    const at = place(word);
    const short = parseShort(word, at, {}, report);
    if (short === undefined) return [];
    if (short.kind === 'destination')
      return [{ kind: 'destination', destination: { who: [short.who], l4: short.l4, source: at } }];
    return [short.word === 'none' ? 'none' : { kind: 'inherit', source: at }];
  });
  const real = items.filter((item) => item !== 'none');
  if (real.length < items.length && words.length > 1)
    report(
      diagnostic('misplacedWord', source, '"none" beside other entries', { fix: 'take it out, or write "none" alone' }),
    );
  return { items: real, source };
}

function readDenyLabel(text: string, place: Place, report: Report): readonly Destination[] {
  const words = split(text, 'sluice.deny', 'leave the label out', place, report) ?? [];
  return words.flatMap((word) => {
    const at = place(word);
    const short = parseShort(word, at, {}, report);
    if (short?.kind === 'destination') return [{ who: [short.who], l4: short.l4, source: at }];
    if (short !== undefined) report(diagnostic('misplacedWord', at, `"${short.word}" cannot stand in a deny`));
    return [];
  });
}

function split(text: string, key: string, fix: string, place: Place, report: Report): readonly string[] | undefined {
  const words = text.split(/[ \t\r\n]+/).filter((word) => word !== '');
  if (words.length > 0) return words;
  report(diagnostic('emptyList', place(key), `an empty ${key} says nothing`, { fix }));
  return undefined;
}

/** What a container's labels come to, groups aside, which are the policy's own. */
function checkSize(allow: AllowList | undefined, deny: readonly Destination[], place: Place, report: Report): void {
  const allowed = (allow?.items ?? []).flatMap((item) => (item.kind === 'destination' ? [item.destination] : []));
  const count = [...allowed, ...deny].reduce((sum, { l4 }) => sum + weightOfL4(l4), 0);
  if (count <= mostElements) return;
  const message = `labels of ${count} entries, each port counted; ${mostElements} are held`;
  report(diagnostic('tooMuch', place('sluice.allow'), message, { fix: 'write prefixes and ranges of ports' }));
}

function checkGroups(
  allow: AllowList | undefined,
  deny: readonly Destination[] | undefined,
  groups: Groups,
  report: Report,
): void {
  const check = checkUses(groups, report);
  const around = { services: null, inProject: true };
  for (const item of allow?.items ?? [])
    if (item.kind === 'destination') check(item.destination, { ...around, purpose: 'allow' });
  for (const entry of deny ?? []) check(entry, { ...around, purpose: 'deny' });
}
