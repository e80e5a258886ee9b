/** What people write: whatever is accepted comes into force whole, and reads back as it was understood. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDestinationText } from '../../../src/policy/destination.ts';
import { readAllow } from '../../../src/policy/entries.ts';
import { formatDestination } from '../../../src/policy/format.ts';
import { readLabels } from '../../../src/policy/labels.ts';
import type { AllowList, Destination, Policy } from '../../../src/policy/model.ts';
import { PolicyReader, type PolicyText, readPolicy } from '../../../src/policy/read.ts';
import { Reader as TextReader } from '../../../src/policy/reader.ts';
import { renderDiagnostic } from '../../../src/policy/render-diagnostic.ts';
import { parseWorkloadSelector } from '../../../src/policy/selector.ts';
import { readYaml } from '../../../src/policy/yaml-text.ts';
import { buildWorld } from '../../generate/build.ts';
import { fixtures, now } from '../../policy/fixture.ts';
import { wholeFile } from '../../policy/whole-file.ts';
import { town } from '../../ruleset/support.ts';
import { comesIntoForce } from '../force.ts';
import type { Target } from '../target.ts';

const world = buildWorld(town);
const article = readFileSync(join(import.meta.dirname, '../../../examples/article/policy.yaml'), 'utf8');

const text = (path: string, role: PolicyText['role'], bytes: Buffer): PolicyText => ({
  path,
  text: bytes.toString(), // as files are read: bytes that are no UTF-8 become U+FFFD
  role,
  writableByOthers: false,
});

function readWhole(texts: readonly PolicyText[]): 'accepted' | 'refused' {
  new PolicyReader().composePaths(texts);
  const { policy, diagnostics } = readPolicy(texts, { now });
  if ((policy === null) !== diagnostics.some(({ severity }) => severity === 'error'))
    throw new Error('a policy with errors is accepted, or one without is not');
  for (const found of diagnostics) {
    const { line, column } = found.source;
    if (!Number.isInteger(line) || !Number.isInteger(column) || line < 0 || column < 0) throw new Error('no place');
    if (diagnostics.indexOf(found) > 50) continue; // to render them takes longer than to find them
    const shown = renderDiagnostic(found, texts, undefined, 80);
    if (/[\p{Cc}\p{Cf}\p{Cs}]/u.test(shown.replaceAll('\n', ''))) throw new Error(`shown unsafely: ${shown}`);
  }
  if (policy === null) return 'refused';
  readsBack(policy);
  comesIntoForce(policy, world, now);
  return 'accepted';
}

const destinationsOf = (allow: AllowList | undefined): readonly Destination[] =>
  (allow?.items ?? []).flatMap((item) => (item.kind === 'destination' ? [item.destination] : []));

/** What was understood, written in the language and read again, is the same. */
function readsBack({ projects, containers, guardrails }: Policy): void {
  const blocks = [...projects, ...projects.flatMap(({ services }) => services), ...containers];
  const all = [...guardrails.deny, ...blocks.flatMap(({ allow, deny }) => [...destinationsOf(allow), ...(deny ?? [])])];
  for (const one of all.slice(0, 50)) {
    // a network of a compose file is written by its key there
    if (one.who.some((who) => who.kind === 'network' && who.composeKey)) continue;
    const written = formatDestination(one);
    const back = readEntry(written.startsWith('{') ? written : JSON.stringify(written));
    const same = (which: Destination | undefined) => JSON.stringify({ ...which, source: null }, plain);
    if (same(back) !== same(one)) throw new Error(`${same(one)} is written ${written} and read ${same(back)}`);
  }
}

const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

function readEntry(written: string): Destination | undefined {
  const report = () => {};
  const yaml = readYaml({ ...text('policy.yaml', 'policy', Buffer.alloc(0)), text: `[${written}]` }, report);
  if (yaml === undefined || yaml.root === null) return undefined;
  return destinationsOf(readAllow(yaml.root, new TextReader(yaml, report), {}))[0];
}

const bytes = (texts: readonly string[]): readonly Buffer[] => texts.map((one) => Buffer.from(one));
const known = fixtures();
const ofRole = (role: PolicyText['role']) =>
  known.flatMap(({ texts }) => texts.filter((one) => one.role === role).map((one) => one.text));

const words = [
  'version: 1\n',
  'projects:',
  'allow: ',
  'deny: ',
  'services:',
  'mode: ',
  'groups:',
  'guardrails:',
  'except:',
  'until: 2030-01-01',
  'x-sluice:',
  'inherit',
  'none',
  'any',
  'internet',
  'same-project',
  'private',
  'host:22',
  ':1-65535/tcp+udp',
  '10.0.0.0/8',
  '2001:db8::/32',
  '::ffff:10.0.0.1',
  '*.example.com',
  'project/*/x',
  'container/*',
  '&a ',
  '*a',
  '<<: ',
  '!!binary ',
  '? ',
  '- ',
  '{',
  '[',
  '|\n',
  '>-\n',
  '---\n',
  '...\n',
  '%YAML 1.2\n',
  '"\\x1b"',
  'sluice.allow',
];

const entries = [
  'internet:443',
  '10.0.0.0/8',
  '[2001:db8::1]:53/udp',
  'project/a/b:1-2',
  'any/icmp',
  'service/db',
  '*.a.b:443',
];

export const target: Target = {
  readers: {
    policy: {
      corpus: () => bytes([wholeFile, article, ...ofRole('policy')]),
      words,
      read: (input) => readWhole([text('policy.yaml', 'policy', input)]),
    },
    compose: {
      corpus: () => bytes(ofRole('compose')),
      words,
      read: (input) =>
        readWhole([
          text('policy.yaml', 'policy', Buffer.from('version: 1\ngroups: { g: [10.0.0.1] }\n')),
          text('app/compose.yaml', 'compose', input),
        ]),
    },
    labels: {
      corpus: () => bytes([...entries, entries.join(' '), 'inherit', 'none', 'audit', 'enforce']),
      words: [...words, ...entries, ' '],
      read: readLabelsOf,
    },
    'command line': {
      corpus: () => bytes([...entries, 'app/web', 'container/legacy-*']),
      words: entries,
      read: (input) => {
        const written = input.toString();
        parseWorkloadSelector(written);
        const result = parseDestinationText(written);
        return 'destination' in result ? 'accepted' : 'refused';
      },
    },
  },
};

/** A container whose labels say this, each of the three in turn, and as a name of a label: it gets no more than that. */
function readLabelsOf(input: Buffer): 'accepted' | 'refused' {
  const said = input.toString();
  const { policy } = readPolicy(
    [text('policy.yaml', 'policy', Buffer.from('version: 1\nprojects: { app: { allow: none } }\n'))],
    {
      now,
    },
  );
  if (policy === null) throw new Error('the policy is bad');
  let accepted = false;
  for (const key of ['sluice.mode', 'sluice.allow', 'sluice.deny', `sluice.${said}`]) {
    const labels = new Map([[key, said]]);
    const { block, diagnostics } = readLabels(labels, 'app-web-1', policy.groups);
    const isBad = diagnostics.some(({ severity }) => severity === 'error');
    if (isBad && (block === null || block.allow?.items.length !== 0)) throw new Error('labels in error do not close');
    accepted ||= !isBad;
    const containers = world.containers.map((one) => (one.name === 'app-web-1' ? { ...one, labels } : one));
    comesIntoForce(policy, { ...world, containers }, now);
  }
  return accepted ? 'accepted' : 'refused';
}
