import { isMap, isPair, isScalar, type Node, visit } from 'yaml';
import { readBlock } from './blocks.ts';
import { diagnostic } from './codes.ts';
import { networkOf, projectName, scopeOf } from './compose-names.ts';
import type { Block, ComposePolicy } from './model.ts';
import { checkProjectName } from './names.ts';
import { type Entry, Reader } from './reader.ts';
import type { SourceRef } from './source.ts';
import { suggest } from './suggest.ts';

/** What one Compose file says, and what it has, for the checks across files. */
export interface ComposePart {
  readonly policy: ComposePolicy;
  /** Names of its services; null when it takes in others by `include`, so that the list is not whole. */
  readonly services: ReadonlySet<string> | null;
}

/** A service or network of the file, with its `x-sluice` where it has one. */
interface Item {
  readonly name: string;
  readonly value: Node;
  readonly block: Entry | undefined;
}

/**
 * Reads the `x-sluice` blocks of a Compose file, at the top, of services and of networks. Everything else in it is
 * Compose's business: merge keys and aliases are followed, and what is odd there is not reported.
 *
 * @returns undefined when the file has no such block, or its project cannot be told
 */
export function readComposeFile(reader: Reader): ComposePart | undefined {
  const quiet = new Reader(reader.yaml, () => undefined, true);
  const { root } = reader.yaml;
  const top = new Map((root === null ? [] : (quiet.entries(root, '') ?? [])).map((entry) => [entry.key.text, entry]));
  const services = itemsOf(top.get('services'), quiet);
  const networks = itemsOf(top.get('networks'), quiet);
  const own = top.get('x-sluice');
  reportMisplaced(reader);
  const first = [own, ...services.map(({ block }) => block), ...networks.map(({ block }) => block)].find(
    (block) => block !== undefined,
  );
  if (first === undefined) return undefined;
  const project = projectName(top.get('name')?.value, reader, first.key.at);
  if (project === undefined) return undefined;
  const fix = 'give the file another "name:"';
  checkProjectName({ text: project, at: top.get('name')?.key.at ?? first.key.at }, reader.report, fix);

  const ofFile = new Map(networks.map(({ name, value }) => [name, networkOf(name, value, project, quiet)]));
  const scope = scopeOf(ofFile);
  const read = ({ key, value }: Entry): Block => readBlock(value, key, 'x-sluice', reader, scope);
  const policy: ComposePolicy = {
    file: reader.yaml.source.path,
    project,
    ...(own === undefined ? {} : { top: read(own) }),
    services: new Map(services.flatMap(({ name, block }) => (block ? [[name, read(block)] as const] : []))),
    networks: new Map(
      networks.flatMap(({ name, block }) => {
        const engineName = ofFile.get(name)?.engineName ?? name;
        return block ? [[name, { ...read(block), engineName }] as const] : [];
      }),
    ),
  };
  return { policy, services: top.has('include') ? null : new Set(services.map(({ name }) => name)) };
}

function itemsOf(section: Entry | undefined, quiet: Reader): readonly Item[] {
  if (section === undefined) return [];
  return (quiet.entries(section.value, '') ?? []).map(({ key, value }) => ({
    name: key.text,
    value,
    block: quiet.entries(value, '')?.find((entry) => entry.key.text === 'x-sluice'),
  }));
}

/** Reports an `x-sluice` where it would be ignored in silence; below other `x-` keys of the top it waits for a merge. */
function reportMisplaced(reader: Reader): void {
  visit(reader.yaml.root, {
    Pair(_, { key, value }, path) {
      const name = isScalar(key) ? key.value : undefined;
      const depth = path.filter(isMap).length;
      const section = path.filter(isPair).at(0)?.key;
      const place = isScalar(section) ? section.value : undefined;
      const fits = depth === 1 || (depth === 3 && (place === 'services' || place === 'networks'));
      if (fits && typeof name === 'string' && name.startsWith('x-')) {
        reportMisspelt(name, reader.ref(key as Node), reader);
        return depth === 1 || name === 'x-sluice' ? visit.SKIP : undefined;
      }
      if (name !== 'x-sluice') return undefined;
      const fix = 'it stands at the top, in a service or in a network';
      reader.report(diagnostic('unknownKey', reader.ref(key as Node), '"x-sluice" says nothing here', { fix }));
      return value === null ? undefined : visit.SKIP;
    },
  });
}

/** Compose takes any key that begins with `x-`; one that is nearly ours would leave a service as it was, in silence. */
function reportMisspelt(name: string, at: SourceRef, { report }: Reader): void {
  if (name === 'x-sluice' || suggest(name, ['x-sluice']) === undefined) return;
  report(diagnostic('unknownKey', at, `unknown key "${name}"`, { fix: 'did you mean "x-sluice"?' }));
}
