import { isMap, isScalar, isSeq, type Node } from 'yaml';
import { diagnostic } from './codes.ts';
import { parseShort, type Scope } from './destination.ts';
import { longForm } from './long-form.ts';
import type { AllowItem, AllowList, Destination } from './model.ts';
import type { Piece } from './piece.ts';
import type { Reader } from './reader.ts';
import type { SourceRef } from './source.ts';

/** What kind of list an entry stands in, as messages name it. */
export type ListKind = 'allow' | 'deny' | 'group' | 'test';

const noneInstead = {
  allow: 'write "none" to deny everything',
  deny: 'leave the key out',
  group: undefined,
  test: undefined,
};

/** Reads an allow list: `none`, `any` or entries. */
export function readAllow(node: Node, reader: Reader, scope: Scope): AllowList | undefined {
  const opened = reader.open(node);
  if (opened === undefined) return undefined;
  const source = reader.ref(opened);
  if (isScalar(opened) && opened.value === 'none') return { items: [], source };
  if (isScalar(opened) && opened.value === 'any')
    return { items: [{ kind: 'destination', destination: { who: [{ kind: 'any' }], l4: 'any', source } }], source };
  const nodes = reader.items(opened, 'allow', {
    message: 'an empty list says nothing: write "none" to deny everything',
  });
  if (nodes === undefined) return undefined;
  const items = nodes.flatMap((item, index): readonly (AllowItem | 'none')[] => {
    if (splitByComma(nodes, index, reader)) return [];
    const entry = readEntry(item, reader, scope, 'allow');
    if (entry === undefined) return [];
    if ('who' in entry) return [{ kind: 'destination', destination: entry }];
    return [entry.word === 'none' ? 'none' : { kind: 'inherit', source: entry.source }];
  });
  const real = items.filter((item) => item !== 'none');
  if (real.length < items.length && nodes.length > 1)
    reader.report(
      diagnostic('misplacedWord', source, '"none" beside other entries', { fix: 'take it out, or write allow: none' }),
    );
  return { items: real, source };
}

/** Reads a list of destinations in which the words `none` and `inherit` cannot stand. */
export function readDestinations(
  node: Node,
  reader: Reader,
  scope: Scope,
  kind: Exclude<ListKind, 'allow'>,
  what: string,
): readonly Destination[] {
  const fix = noneInstead[kind];
  const nodes = reader.items(node, what, { message: 'an empty list says nothing', ...(fix ? { fix } : {}) });
  return (nodes ?? []).flatMap((item, index) => {
    if (nodes !== undefined && splitByComma(nodes, index, reader)) return [];
    const entry = readEntry(item, reader, scope, kind);
    if (entry === undefined) return [];
    if ('who' in entry) return [entry];
    const inherit = 'only an allow list can inherit';
    const none = noneInstead[kind] ?? 'name what you mean';
    reader.report(
      diagnostic('misplacedWord', entry.source, `"${entry.word}" cannot stand here`, {
        fix: entry.word === 'none' ? none : inherit,
      }),
    );
    return [];
  });
}

/** `[internet:80,443]` is two items to YAML: a port or range straight after an item with ports is what is left of it. */
function splitByComma(nodes: readonly Node[], index: number, reader: Reader): boolean {
  const [before, item] = [nodes[index - 1], nodes[index]];
  if (!isScalar(before) || !isScalar(item) || before.type !== 'PLAIN' || item.type !== 'PLAIN') return false;
  const [first, second] = [before.source ?? '', item.source ?? ''];
  if (!/:[0-9,-]+$/.test(first) || !/^[0-9]+(-[0-9]+)?(\/[a-z+]+)?$/.test(second)) return false;
  const whole = { ...reader.ref(before), text: `${first},${second}` };
  reader.report(
    diagnostic('unquotedComma', whole, `without quotes ${first},${second} is two items to YAML`, {
      fix: `quote it: "${first},${second}"`,
    }),
  );
  return true;
}

type Word = { readonly word: 'none' | 'inherit'; readonly source: SourceRef };

function readEntry(node: Node, reader: Reader, scope: Scope, kind: ListKind): Destination | Word | undefined {
  const opened = reader.open(node);
  if (opened === undefined) return undefined;
  if (isMap(opened)) return readLong(opened, reader, scope, kind);
  if (isSeq(opened)) {
    const text = reader.ref(opened).text;
    const v6 = /^\[[0-9a-f:]+(\/[0-9]+)?\]$/i.test(text);
    reader.report(
      diagnostic(
        v6 ? 'quoteIt' : 'wrongKind',
        reader.ref(opened),
        v6 ? 'brackets are a list to YAML' : 'a list inside a list',
        {
          fix: v6 ? `quote it: "${text}"` : undefined,
        },
      ),
    );
    return undefined;
  }
  const piece = reader.text(opened, 'an entry', 'pass');
  const short = piece && parseShort(piece.text, piece.at, scope, reader.report);
  if (piece === undefined || short === undefined) return undefined;
  return short.kind === 'word'
    ? { word: short.word, source: piece.at }
    : {
        who: [short.who],
        l4: short.l4,
        source: piece.at.text === piece.text ? piece.at : { ...piece.at, text: piece.text },
      };
}

function readLong(node: Node, reader: Reader, scope: Scope, kind: ListKind): Destination | undefined {
  if (portAfterSpace(node, reader)) return undefined;
  const { handlers, finish } = longForm(reader, scope);
  const { until, ...timeless } = handlers;
  const refuseUntil = (_: Node, key: Piece) =>
    reader.report(
      diagnostic('unknownKey', key.at, `"until" belongs to an allow entry or an exception, not to a ${kind}`, {
        fix: kind === 'deny' ? 'a deny that ends would open something by itself' : 'put it on the entry that allows',
      }),
    );
  reader.fields(node, 'an entry', kind === 'allow' ? { ...timeless, until } : { ...timeless, until: refuseUntil });
  return finish(node);
}

/** `internet: 443`, with a space, is a map to YAML. */
function portAfterSpace(node: Node, reader: Reader): boolean {
  const at = reader.ref(node);
  const match = /^\{?\s*([^\s:,{}]+):\s+([0-9][0-9,-]*(?:\/[a-z+]+)?)\s*\}?$/.exec(at.text);
  if (match === null || ['to', 'ports', 'protocol', 'until', 'reason'].includes(match[1] ?? '')) return false;
  const meant = `${match[1]}:${match[2]}`;
  reader.report(
    diagnostic('quoteIt', at, `with a space after the colon ${at.text} is a map to YAML`, { fix: `write "${meant}"` }),
  );
  return true;
}
