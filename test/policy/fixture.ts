import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Diagnostic } from '../../src/policy/diagnostic.ts';
import { readLabels } from '../../src/policy/labels.ts';
import type { Policy } from '../../src/policy/model.ts';
import { PolicyReader, type PolicyText, readPolicy } from '../../src/policy/read.ts';
import { renderDiagnostic } from '../../src/policy/render-diagnostic.ts';
import type { WorldSketch } from '../generate/build.ts';

/**
 * A folder of test/policy/fixtures, `SLxxxx-topic`, shows what brings one code up and what is said then:
 *
 * - `policy.yaml`, and `policy.d/*.yaml` in name order; compose files under the paths that `compose:` lists, relative to
 *   the folder (`shop/docker-compose.yml` is of project shop);
 * - `labels.json`: `{ "container": NAME, "labels": { … } }`, read with the policy's groups;
 * - `world.json`: a world in a few words (WorldSketch of test/generate/build.ts); the policy is then compiled for it;
 * - `fixture.json`: `{ "writable": [PATH…] }`, the files that others can write;
 * - `expected.txt`: every diagnostic as it is printed, 100 columns wide. UPDATE_GOLDEN=1 writes it anew: read the diff.
 *
 * The day is {@link now}. Diagnostics that reading does not raise come from `later`, which is given what was read.
 */
export interface Fixture {
  readonly name: string;
  readonly code: string;
  readonly texts: readonly PolicyText[];
  readonly labels: { readonly container: string; readonly labels: Record<string, string> } | undefined;
  readonly world: WorldSketch | undefined;
  readonly expectedPath: string;
}

export const now = Date.UTC(2026, 10, 23, 12);

const fixturesFolder = join(import.meta.dirname, 'fixtures');

export function fixtures(): readonly Fixture[] {
  return readdirSync(fixturesFolder).toSorted().map(readFixture);
}

function readFixture(name: string): Fixture {
  const folder = join(fixturesFolder, name);
  const json = (file: string) => {
    const path = join(folder, file);
    return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
  };
  const writable: readonly string[] = json('fixture.json')?.writable ?? [];
  const text = (path: string, role: PolicyText['role']): PolicyText => ({
    path,
    text: readFileSync(join(folder, path), 'utf8'),
    role,
    writableByOthers: writable.includes(path),
  });
  const drops = existsSync(join(folder, 'policy.d')) ? readdirSync(join(folder, 'policy.d')).toSorted() : [];
  const policy = ['policy.yaml', ...drops.map((file) => `policy.d/${file}`)].map((path) => text(path, 'policy'));
  return {
    name,
    code: name.slice(0, name.indexOf('-')),
    texts: [...policy, ...new PolicyReader().composePaths(policy).map((path) => text(path, 'compose'))],
    labels: json('labels.json'),
    world: json('world.json'),
    expectedPath: join(folder, 'expected.txt'),
  };
}

/** What comes after reading: check and compile, which need the whole policy, and a world where the fixture has one. */
export type Later = (policy: Policy, world: WorldSketch | undefined) => readonly Diagnostic[];

export function diagnose(fixture: Fixture, later: Later): readonly Diagnostic[] {
  const { policy, diagnostics } = readPolicy(fixture.texts, { now });
  const { container = '', labels = {} } = fixture.labels ?? {};
  const ofLabels = readLabels(new Map(Object.entries(labels)), container, policy?.groups).diagnostics;
  return [...diagnostics, ...ofLabels, ...(policy === null ? [] : later(policy, fixture.world))];
}

export function rendered(fixture: Fixture, diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map((found) => `${renderDiagnostic(found, fixture.texts, undefined, 100)}\n`).join('');
}
