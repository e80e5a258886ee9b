import { isScalar, type Node } from 'yaml';
import { diagnostic } from './codes.ts';
import type { Scope } from './destination.ts';
import type { Reader } from './reader.ts';
import type { SourceRef } from './source.ts';
import { suggest } from './suggest.ts';

/** How the engine calls a network of a compose file; `derived` when that is Compose's own making, `PROJECT_KEY`. */
export interface NetworkOfFile {
  readonly engineName: string;
  readonly derived: boolean;
}

/** Compose: a network is called `name:`, else its key when it is external, else `PROJECT_KEY`. */
export function networkOf(key: string, node: Node, project: string, quiet: Reader): NetworkOfFile {
  const own = valueAt(node, 'name', quiet);
  if (own !== undefined) return { engineName: scalarText(own) ?? key, derived: false };
  const external = valueAt(node, 'external', quiet);
  if (external === undefined || scalarText(external) === 'false')
    return { engineName: `${project}_${key}`, derived: true };
  const old = valueAt(external, 'name', quiet); // external: { name: … }, up to file format 3.4
  return { engineName: scalarText(old) ?? key, derived: false };
}

function valueAt(node: Node, key: string, quiet: Reader): Node | undefined {
  const entry = quiet.entries(node, '')?.find((one) => one.key.text === key);
  return entry && quiet.open(entry.value);
}

function scalarText(node: Node | undefined): string | undefined {
  const value: unknown = isScalar(node) ? node.value : undefined;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

/** Networks are written by their key; `default` is there without being written (compose-spec, "networks"). */
export function scopeOf(networks: ReadonlyMap<string, NetworkOfFile>): Scope {
  const keys = [...new Set([...networks.keys(), 'default'])];
  return {
    network: (key, report) => {
      const known = networks.get(key.text);
      if (known !== undefined && !known.derived) return { name: known.engineName, composeKey: false };
      if (keys.includes(key.text)) return { name: key.text, composeKey: true };
      const meant = suggest(key.text, keys);
      const fix = meant === undefined ? `it has ${keys.join(', ')}` : `did you mean "network/${meant}"?`;
      report(diagnostic('unknownNetwork', key.at, `the compose file has no network "${key.text}"`, { fix }));
      return undefined;
    },
  };
}

/**
 * Compose's name of the project: `name:`, else the folder's name in lower case without what a name cannot have
 * (compose-go v2 loader, NormalizeProjectName). Reports a name that cannot be told from the file alone.
 */
export function projectName(node: Node | undefined, reader: Reader, at: SourceRef): string | undefined {
  const written = scalarText(node);
  if (node !== undefined) {
    if (written !== undefined && /^[a-z0-9][a-z0-9_-]*$/.test(written)) return written;
    const fix = 'write the name itself, in lower case; variables are not read here';
    reader.report(
      diagnostic('badName', reader.ref(node), 'which project this is cannot be told from its "name"', { fix }),
    );
    return undefined;
  }
  const folder = reader.yaml.source.path.split('/').at(-2) ?? '';
  const name = folder
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
  if (name !== '') return name;
  const fix = 'give the file a "name:"';
  reader.report(diagnostic('badName', at, 'which project this is cannot be told from the folder of the file', { fix }));
  return undefined;
}
