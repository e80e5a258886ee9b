import type { Node } from 'yaml';
import type { Scope } from './destination.ts';
import { readAllow, readDestinations } from './entries.ts';
import type { AllowList, Block, Destination, Mode } from './model.ts';
import type { Piece } from './piece.ts';
import type { Handlers, Reader } from './reader.ts';
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
  reader.fields(node, what, {
    mode: (value) => {
      const mode = reader.word(value, 'mode', modes);
      if (mode !== undefined) Object.assign(draft, { mode: mode.word, modeSource: mode.at });
    },
    allow: (value) => {
      // a list in error still is one: nobody has to be told that it is missing
      draft.allow = readAllow(value, reader, scope) ?? { items: [], source: reader.ref(value) };
    },
    deny: (value) => {
      draft.deny = readDestinations(value, reader, scope, 'deny', 'deny');
    },
    ...own,
  });
  return { ...draft, source: key.at };
}
