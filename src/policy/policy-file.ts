import { isSeq, type Node } from 'yaml';
import { readBlock } from './blocks.ts';
import { diagnostic } from './codes.ts';
import { readDestinations } from './entries.ts';
import { longForm } from './long-form.ts';
import {
  builtinGroups,
  type ContainerBlock,
  type Defaults,
  type Destination,
  type Group,
  type GuardrailException,
  type PolicyTest,
  type ProjectBlock,
  type ServiceBlock,
  type WorkloadSelector,
} from './model.ts';
import { checkProjectName, parseName, parsePattern } from './names.ts';
import type { Piece } from './piece.ts';
import type { Reader } from './reader.ts';
import { readSelector } from './selector.ts';
import type { SourceRef } from './source.ts';

/** The words of each key of `defaults`, the value that stands when it is left out first. */
export const defaultWords = {
  unmanaged: ['allow', 'audit', 'deny'],
  denied: ['reject', 'drop'],
  labels: ['trusted', 'narrow', 'ignore'],
  'unknown-bridge': ['allow', 'deny'],
  build: ['allow', 'deny'],
} as const;

export type DefaultKey = keyof typeof defaultWords;

/** The versions of the language that this program reads. */
export const knownVersions = ['1'] as const;

/** A list as a whole: where its key stands, and what is in it. */
export interface Listed<T> {
  readonly at: SourceRef;
  readonly items: readonly T[];
}

/** What one policy file says, before it is joined with the others. */
export interface PolicyPart {
  readonly defaults: Map<DefaultKey, { readonly word: string; readonly at: SourceRef }>;
  readonly groups: Group[];
  guardrails: SourceRef | undefined;
  guardDeny: Listed<Destination> | undefined;
  guardExcept: Listed<GuardrailException> | undefined;
  readonly projects: ProjectBlock[];
  readonly containers: ContainerBlock[];
  compose: Listed<Piece> | undefined;
  tests: Listed<PolicyTest> | undefined;
}

/** A file that says nothing. */
export function emptyPart(): PolicyPart {
  return {
    defaults: new Map(),
    groups: [],
    guardrails: undefined,
    guardDeny: undefined,
    guardExcept: undefined,
    projects: [],
    containers: [],
    compose: undefined,
    tests: undefined,
  };
}

/** Reads a policy file or a file of policy.d. */
export function readPolicyFile(reader: Reader): PolicyPart {
  const result = emptyPart();
  let versioned = false;
  const { root, source } = reader.yaml;
  if (root !== null)
    reader.fields(root, 'a policy file', {
      version: (value) => {
        versioned = true;
        readVersion(value, reader);
      },
      defaults: (value) => readDefaults(value, reader, result),
      groups: (value) => readGroups(value, reader, result),
      guardrails: (value, key) => {
        result.guardrails = key.at;
        readGuardrails(value, reader, result);
      },
      projects: (value) => readProjects(value, reader, result),
      containers: (value) => readContainers(value, reader, result),
      compose: (value, key) => {
        result.compose = { at: key.at, items: readPaths(value, reader) };
      },
      tests: (value, key) => {
        result.tests = { at: key.at, items: readTests(value, reader) };
      },
    });
  if (!versioned) {
    const at = { file: source.path, line: 1, column: 1, text: source.text.split(/\r?\n/, 1)[0] ?? '' };
    const fix = `begin the file with "version: ${knownVersions.at(-1)}"`;
    reader.report(
      diagnostic('missingVersion', at, 'the file does not say which version of the language it is in', { fix }),
    );
  }
  return result;
}

function readVersion(node: Node, reader: Reader): void {
  const version = reader.raw(node, 'version');
  if (version === undefined) return;
  const known = knownVersions.some((one) => one === version.text);
  if (known && version.plain) return;
  const message = known
    ? 'the version is a number, without quotes'
    : `there is no version ${version.text} of the language`;
  reader.report(diagnostic('unknownVersion', version.at, message, { fix: `write version: ${knownVersions.at(-1)}` }));
}

function readDefaults(node: Node, reader: Reader, result: PolicyPart): void {
  const handler = (key: DefaultKey) => (value: Node) => {
    const word = reader.word<string>(value, key, defaultWords[key]);
    if (word !== undefined) result.defaults.set(key, word);
  };
  const keys = Object.keys(defaultWords) as DefaultKey[];
  reader.fields(node, 'defaults', Object.fromEntries(keys.map((key) => [key, handler(key)])));
}

/** The defaults of a policy; keys left out have the first of their words. */
export function defaultsOf(words: PolicyPart['defaults']): Defaults {
  const pick = <K extends DefaultKey>(key: K): (typeof defaultWords)[K][number] =>
    defaultWords[key].find((word) => word === words.get(key)?.word) ?? defaultWords[key][0];
  return {
    unmanaged: pick('unmanaged'),
    denied: pick('denied'),
    labels: pick('labels'),
    unknownBridge: pick('unknown-bridge'),
    build: pick('build'),
  };
}

const reserved = ['none', 'any', 'inherit'];

function readGroups(node: Node, reader: Reader, result: PolicyPart): void {
  for (const { key, value } of reader.entries(node, 'groups') ?? []) {
    const members = readDestinations(value, reader, {}, 'group', 'a group');
    if ((builtinGroups as readonly string[]).includes(key.text) || reserved.includes(key.text)) {
      const fix = `choose another name, such as "my-${key.text}"`;
      reader.report(
        diagnostic('shadowsBuiltin', key.at, `"${key.text}" is built in and means the same everywhere`, { fix }),
      );
      continue;
    }
    const name = parseName(key, 'group', reader.report);
    if (name !== undefined) result.groups.push({ name, members, source: key.at });
  }
}

function readGuardrails(node: Node, reader: Reader, result: PolicyPart): void {
  reader.fields(node, 'guardrails', {
    deny: (value, key) => {
      result.guardDeny = { at: key.at, items: readDestinations(value, reader, {}, 'deny', 'deny') };
    },
    except: (value, key) => {
      const fix = 'leave the key out';
      const nodes = reader.items(value, 'except', { message: 'an empty list says nothing', fix }) ?? [];
      result.guardExcept = { at: key.at, items: nodes.flatMap((item) => readException(item, reader)) };
    },
  });
}

function readException(node: Node, reader: Reader): readonly GuardrailException[] {
  const { handlers, finish } = longForm(reader, {});
  let from: readonly WorkloadSelector[] | undefined;
  const opened = reader.open(node);
  if (opened === undefined) return [];
  reader.fields(opened, 'an exception', {
    from: (value) => {
      from = readSelectors(value, reader);
    },
    ...handlers,
  });
  const source = reader.ref(opened);
  if (from === undefined) {
    reader.report(
      diagnostic('missingKey', source, 'an exception needs "from"', { fix: '{ from: PROJECT/SERVICE, to: WHO }' }),
    );
    return [];
  }
  const destination = finish(opened);
  if (destination === undefined) return [];
  const { until, reason, ...to } = destination;
  return [
    {
      from,
      to,
      ...(until === undefined ? {} : { until }),
      ...(reason === undefined ? {} : { reason }),
      source: to.source,
    },
  ];
}

function readSelectors(node: Node, reader: Reader): readonly WorkloadSelector[] {
  const opened = reader.open(node);
  if (opened === undefined) return [];
  const nodes = isSeq(opened) ? reader.items(opened, 'from', { message: 'an empty list names nobody' }) : [opened];
  return (nodes ?? []).flatMap((item) => {
    const piece = reader.text(item, 'from');
    const selector = piece && readSelector(piece, reader.report);
    return selector === undefined ? [] : [selector];
  });
}

function readProjects(node: Node, reader: Reader, result: PolicyPart): void {
  for (const { key, value } of reader.entries(node, 'projects') ?? []) {
    const services: ServiceBlock[] = [];
    const block = readBlock(
      value,
      key,
      'a project',
      reader,
      {},
      {
        services: (map) => {
          for (const entry of reader.entries(map, 'services') ?? []) {
            const service = readBlock(entry.value, entry.key, 'a service', reader, {});
            const pattern = parsePattern(entry.key, 'service', reader.report);
            if (pattern !== undefined) services.push({ ...service, pattern });
          }
        },
      },
    );
    const pattern = parsePattern(key, 'project', reader.report);
    checkProjectName(key, reader.report, 'give the project another name');
    if (pattern !== undefined) result.projects.push({ ...block, pattern, services });
  }
}

function readContainers(node: Node, reader: Reader, result: PolicyPart): void {
  for (const { key, value } of reader.entries(node, 'containers') ?? []) {
    const block = readBlock(value, key, 'a container', reader, {});
    const pattern = parsePattern(key, 'container', reader.report);
    if (pattern !== undefined) result.containers.push({ ...block, pattern });
  }
}

/** The paths under `compose:`, as written. */
export function readPaths(node: Node, reader: Reader): readonly Piece[] {
  const fix = 'leave the key out';
  const nodes = reader.items(node, 'compose', { message: 'an empty list says nothing', fix }) ?? [];
  return nodes.flatMap((item) => {
    const path = reader.text(item, 'a path');
    if (path?.text !== '') return path === undefined ? [] : [path];
    reader.report(diagnostic('emptySelector', path.at, 'an empty path names no file'));
    return [];
  });
}

function readTests(node: Node, reader: Reader): readonly PolicyTest[] {
  const fix = 'leave the key out';
  const nodes = reader.items(node, 'tests', { message: 'an empty list tests nothing', fix }) ?? [];
  return nodes.flatMap((item) => readTest(item, reader));
}

function readTest(node: Node, reader: Reader): readonly PolicyTest[] {
  const opened = reader.open(node);
  if (opened === undefined) return [];
  let from: WorkloadSelector | undefined;
  const seen = new Set<string>();
  const lists: { allow: readonly Destination[]; deny: readonly Destination[] } = { allow: [], deny: [] };
  const list = (kind: 'allow' | 'deny') => (value: Node) => {
    seen.add(kind);
    lists[kind] = readDestinations(value, reader, {}, 'test', kind);
  };
  reader.fields(opened, 'a test', {
    from: (value) => {
      seen.add('from');
      const piece = reader.text(value, 'from');
      from = piece && readSelector(piece, reader.report);
    },
    allow: list('allow'),
    deny: list('deny'),
  });
  const source = reader.ref(opened);
  const missing = !seen.has('from') ? '"from"' : seen.size === 1 ? '"allow" or "deny"' : undefined;
  if (missing !== undefined)
    reader.report(
      diagnostic('missingKey', source, `a test needs ${missing}`, {
        fix: '{ from: PROJECT/SERVICE, allow: […], deny: […] }',
      }),
    );
  return from === undefined || missing !== undefined ? [] : [{ from, ...lists, source }];
}
