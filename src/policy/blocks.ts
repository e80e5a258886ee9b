import { isScalar, isSeq, type Node } from 'yaml';
import type { Scope } from './destination.ts';
import { readAllow, readDestinations } from './entries.ts';
import type { AllowList, Block, Destination, Mode } from './model.ts';
import type { Piece } from './piece.ts';
import { type Handlers, listOf, type Reader } from './reader.ts';
import type { SourceRef } from './source.ts';

export const modes = ['enforce', 'audit', 'off'] as const satisfies readonly Mode[];

/** A block while its keys are read. */
interface Draft {
  mode?: Mode;
  modeSource?: SourceRef;
  allow?: AllowList;
  deny?: readonly Destination[];
}

/** Reads what any level can say, `mode`, `allow` and `deny`, beside keys of its own. */
export function readBlock(
  node: Node,
  key: Piece,
  what: string,
  reader: Reader,
  scope: Scope,
  own: Handlers = {},
): Block {
  const draft: Draft = {};
  const handlers: Handlers = {
    mode: (value) => {
      const mode = reader.word(value, 'mode', modes);
      if (mode !== undefined) Object.assign(draft, { mode: mode.word, modeSource: mode.at });
    },
    allow: (value) => {
      draft.allow = readAllow(value, reader, scope) ?? inError(reader.ref(value));
    },
    deny: (value) => {
      draft.deny = readDestinations(value, reader, scope, 'deny', 'deny');
    },
    ...own,
  };
  const misspelt = reader.fields(node, what, handlers, allowInstead);
  if (misspelt === undefined || misspelt.has('allow') || misspelt.has('services')) draft.allow ??= inError(key.at);
  return { ...draft, source: key.at };
}

/** A list in error still is one: nobody has to be told that it is missing. */
function inError(source: SourceRef): AllowList {
  return { items: [], source };
}

/** What somebody meant who wrote a list, or nothing, where a block stands. */
function allowInstead(node: Node): string | undefined {
  if (isSeq(node)) return 'write { allow: […] }';
  if (!isScalar(node)) return undefined;
  const { value } = node;
  if (value === null) return 'write { allow: any }, { allow: none } or { allow: […] }';
  if (typeof value !== 'string') return undefined;
  return `write { allow: ${value === 'any' || value === 'none' ? value : listOf(value)} }`;
}
