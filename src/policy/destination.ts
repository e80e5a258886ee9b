import type { L4Match } from '../ip/protocol.ts';
import { looksLikeV6, parseAddressWho, parseBareV6 } from './address-text.ts';
import { diagnostic } from './codes.ts';
import type { Diagnostic } from './diagnostic.ts';
import { parseDnsName } from './dns-name.ts';
import { type BuiltinGroup, builtinGroups, type Destination, type Who } from './model.ts';
import { parseExactName, parseName, parsePattern } from './names.ts';
import { type Piece, part, type Report } from './piece.ts';
import { layer4, parsePorts, parseProtocol, protocolWords } from './ports.ts';
import type { SourceRef } from './source.ts';

/** An engine's name of a network, or a key of a compose file whose engine name is Compose's own making. */
export interface NetworkName {
  readonly name: string;
  readonly composeKey: boolean;
}

/** What the place of an entry adds to its reading. */
export interface Scope {
  /** Set in x-sluice, where networks are written by their Compose key: what the key stands for; reports unknown ones. */
  readonly network?: (key: Piece, report: Report) => NetworkName | undefined;
}

/** An entry in short form: a word that stands for a list, or a destination. */
export type Short =
  | { readonly kind: 'word'; readonly word: 'none' | 'inherit' }
  | { readonly kind: 'destination'; readonly who: Who; readonly l4: L4Match };

/**
 * Reads an entry in short form, `WHO[:PORTS][/PROTO]`. Everything wrong with it is reported with the place of the part
 * that is wrong; groups are not looked up here (uses.ts).
 *
 * @returns undefined when something was reported
 */
export function parseShort(text: string, at: SourceRef, scope: Scope, report: Report): Short | undefined {
  const piece = { text, at };
  const problem = unreadable(piece);
  if (problem !== undefined) {
    report(problem);
    return undefined;
  }
  const head = readWho(piece, scope, report);
  if (head === undefined) return undefined;
  if (head.who === 'none' || head.who === 'inherit') {
    if (head.rest.text === '') return { kind: 'word', word: head.who };
    report(diagnostic('misplacedWord', head.rest.at, `"${head.who}" takes no ports and no protocol`));
    return undefined;
  }
  const l4 = readLayer4(head.rest, head.who, report);
  return l4 === undefined ? undefined : { kind: 'destination', who: head.who, l4 };
}

/** Reads a destination of a command line: one entry in short form, networks by their engine name. */
export function parseDestinationText(
  text: string,
): { readonly destination: Destination } | { readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const at = { file: 'command line', line: 0, column: 0, text };
  const short = parseShort(text, at, {}, (found) => diagnostics.push(found));
  if (short?.kind === 'destination') return { destination: { who: [short.who], l4: short.l4, source: at } };
  if (short !== undefined) diagnostics.push(diagnostic('misplacedWord', at, `"${short.word}" names no destination`));
  return { diagnostics };
}

function unreadable({ text, at }: Piece): Diagnostic | undefined {
  if (/^[A-Za-z0-9.:/,-]{1,100}$/.test(text) && !text.includes('://')) return undefined; // as nearly all are
  if (text === '') return diagnostic('emptySelector', at, 'an empty entry says nothing');
  if (text.length > 1024) return diagnostic('malformed', at, `an entry of ${text.length} characters; 1024 are read`);
  const url = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/@]*@)?([^/:?#]+)/i.exec(text);
  if (url !== null) {
    const port = /^http:/i.test(text) ? 80 : 443;
    return diagnostic('malformed', at, 'a destination is not a URL', { fix: `write "${url[1]}:${port}"` });
  }
  if (/[\p{Cc}\p{Cf}]/u.test(text)) return diagnostic('malformed', at, 'a control character in an entry');
  if (text.includes('$')) return diagnostic('malformed', at, 'variables are not read here: write what is meant');
  if (/\s/.test(text))
    return diagnostic('malformed', at, `a space in "${text}"`, { fix: 'one entry per item; no spaces inside' });
  return undefined;
}

interface Head {
  readonly who: Who | 'none' | 'inherit';
  readonly rest: Piece;
}

/** Reads WHO off the front of an entry; the rest begins with `:` or `/`, or is empty. */
function readWho(piece: Piece, scope: Scope, report: Report): Head | undefined {
  const { text } = piece;
  if (text.startsWith('[')) return readBracketed(piece, report);
  if (looksLikeV6(text)) return parseBareV6(piece, report);
  const kind = /^(service|project|container|network)\//.exec(text)?.[1];
  if (kind !== undefined) return cut(piece, endOf(text, /:/), (who) => readIdentity(who, kind, scope, report));
  const address = /^[0-9.]+(\/[0-9]+)?(?=$|[:/])/.exec(text)?.[0];
  if (address !== undefined) return cut(piece, address.length, (who) => parseAddressWho(who, report));
  return cut(piece, endOf(text, /[:/]/), (who) => readWord(who, part(piece, who.text.length), report));
}

function cut(piece: Piece, end: number, read: (who: Piece) => Head['who'] | undefined): Head | undefined {
  const who = read(part(piece, 0, end));
  return who === undefined ? undefined : { who, rest: part(piece, end) };
}

function endOf(text: string, delimiter: RegExp): number {
  const index = text.search(delimiter);
  return index < 0 ? text.length : index;
}

function readBracketed(piece: Piece, report: Report): Head | undefined {
  const close = piece.text.indexOf(']');
  const inside = part(piece, 1, close < 0 ? undefined : close);
  if (close < 0 || !inside.text.includes(':')) {
    const fix = close < 0 ? `write "${piece.text}]"` : `write "${inside.text}${piece.text.slice(close + 1)}"`;
    report(
      diagnostic('malformed', piece.at, close < 0 ? 'the bracket is not closed' : 'brackets are for IPv6 addresses', {
        fix: close < 0 ? undefined : fix,
      }),
    );
    return undefined;
  }
  const rest = part(piece, close + 1);
  const length = /^\/[0-9]+/.exec(rest.text)?.[0];
  if (length !== undefined) {
    const written = `[${inside.text}${length}]${rest.text.slice(length.length)}`;
    report(
      diagnostic('malformed', rest.at, 'the prefix length stands inside the brackets', { fix: `write "${written}"` }),
    );
    return undefined;
  }
  const who = parseAddressWho(inside, report);
  return who === undefined ? undefined : { who, rest };
}

function readIdentity(piece: Piece, kind: string, scope: Scope, report: Report): Who | undefined {
  const start = kind.length + 1;
  const parts = piece.text.slice(start).split('/');
  const first = part(piece, start, start + (parts[0]?.length ?? 0));
  const second = parts.length > 1 ? part(piece, start + first.text.length + 1) : null;
  if (second !== null && (kind !== 'project' || parts.length > 2)) return afterWorkload(piece, second, report);
  if (kind === 'project') {
    const project = parsePattern(first, 'project', report);
    const service = second === null ? null : parsePattern(second, 'service', report);
    return project === undefined || service === undefined ? undefined : { kind: 'workload', project, service };
  }
  if (kind === 'container') {
    const name = parsePattern(first, 'container', report);
    return name && { kind: 'container', name };
  }
  if (kind === 'service') {
    const fix = 'patterns stand in "project/PROJECT/SERVICE"';
    const service = parseExactName(first, 'service', report, fix);
    return service === undefined ? undefined : { kind: 'service', service };
  }
  const network = parseExactName(first, 'network', report, 'name each network');
  if (network === undefined) return undefined;
  if (scope.network === undefined) return { kind: 'network', name: network, composeKey: false };
  const name = scope.network(first, report);
  return name === undefined ? undefined : { kind: 'network', ...name };
}

/** Something after a workload's name: a protocol (needs the long form) or one name too many. */
function afterWorkload(piece: Piece, extra: Piece, report: Report): undefined {
  const word = piece.text.slice(piece.text.lastIndexOf('/') + 1);
  const who = piece.text.slice(0, piece.text.lastIndexOf('/'));
  if (Object.hasOwn(protocolWords, word))
    report(
      diagnostic('workloadProtocol', extra.at, `after a workload "/${word}" could be a name`, {
        fix: `write { to: ${who}, protocol: ${word} }`,
      }),
    );
  else report(diagnostic('malformed', extra.at, `one name too many: "${piece.text}"`));
  return undefined;
}

function readWord(piece: Piece, rest: Piece, report: Report): Who | 'none' | 'inherit' | undefined {
  const { text } = piece;
  if (text === 'none' || text === 'inherit') return text;
  if (text === 'any') return { kind: 'any' };
  if ((builtinGroups as readonly string[]).includes(text)) return { kind: 'builtin', group: text as BuiltinGroup };
  if (text.includes('.')) return parseDnsName(piece, report);
  const service = /^\/([A-Za-z0-9._*-]+)(:.*)?$/.exec(rest.text);
  if (service !== null && !Object.hasOwn(protocolWords, service[1] ?? '') && text !== '') {
    report(
      diagnostic('malformed', rest.at, `"${service[1]}" is not a protocol`, {
        fix: `a service of another project is written "project/${text}${rest.text}"`,
      }),
    );
    return undefined;
  }
  const name = parseName(piece, 'group', report);
  return name === undefined ? undefined : { kind: 'group', name };
}

/** Layer 4 as it was read, by its text: a policy says the same few over and over, and then holds each once. */
const knownLayer4 = new Map<string, L4Match>();
const mostKnown = 1000;

function readLayer4(rest: Piece, who: Who, report: Report): L4Match | undefined {
  if (rest.text === '') return 'any';
  const known = knownLayer4.get(rest.text);
  if (known !== undefined) return known;
  const l4 = parseLayer4(rest, who, report);
  if (knownLayer4.size >= mostKnown) knownLayer4.clear();
  if (l4 !== undefined) knownLayer4.set(rest.text, l4);
  return l4;
}

function parseLayer4(rest: Piece, who: Who, report: Report): L4Match | undefined {
  const slash = rest.text.indexOf('/');
  const word = slash < 0 ? null : part(rest, slash + 1);
  const protocols = word === null ? protocolWords.tcp : parseProtocol(word, report);
  if (!rest.text.startsWith(':')) {
    if (slash === 0) return protocols && layer4(protocols, [], rest, report);
    report(
      diagnostic(
        'malformed',
        rest.at,
        `"${rest.text}" cannot follow ${who.kind === 'prefix' ? 'an address' : 'a name'}`,
      ),
    );
    return undefined;
  }
  const ports = parsePorts(part(rest, 1, slash < 0 ? undefined : slash), report);
  return protocols && ports && layer4(protocols, ports, word ?? rest, report);
}
