import { isScalar, type Node } from 'yaml';
import type { L4Match, PortRange } from '../ip/protocol.ts';
import { diagnostic } from './codes.ts';
import { parseShort, type Scope } from './destination.ts';
import { formatTarget } from './format.ts';
import type { Destination, Who } from './model.ts';
import { type Piece, part } from './piece.ts';
import { layer4, normaliseL4, type Protocols, parsePorts, parseProtocol, protocolWords } from './ports.ts';
import type { Reader } from './reader.ts';
import type { SourceRef } from './source.ts';
import { readUntil } from './until.ts';

/** What the keys of a long form said so far. */
interface LongForm {
  to?: { readonly who: readonly Who[]; readonly l4: L4Match; readonly at: SourceRef };
  ports?: { readonly pieces: readonly Ports[]; readonly at: SourceRef };
  protocol?: { readonly protocols: Protocols; readonly at: SourceRef };
  until?: number;
  reason?: string;
}

interface Ports {
  readonly whole: Piece;
  readonly ports: readonly PortRange[];
  readonly protocols: Protocols | null;
}

/**
 * The keys that every long form has, and what becomes of them. Exceptions of guardrails add a key of their own.
 */
export function longForm(reader: Reader, scope: Scope) {
  const form: LongForm = {};
  const handlers = {
    to: (value: Node) => readTo(value, reader, scope, form),
    ports: (value: Node, key: Piece) => {
      form.ports = readPorts(value, key, reader);
    },
    protocol: (value: Node) => {
      const protocol = readProtocol(value, reader);
      if (protocol !== undefined) form.protocol = protocol;
    },
    until: (value: Node) => {
      const until = readUntil(value, reader);
      if (until !== undefined) form.until = until;
    },
    reason: (value: Node) => {
      const reason = reader.text(value, 'reason')?.text;
      if (reason !== undefined) form.reason = reason;
    },
  };
  return { handlers, finish: (node: Node) => finish(node, form, reader) };
}

function readTo(node: Node, reader: Reader, scope: Scope, form: LongForm): void {
  const opened = reader.open(node);
  if (opened === undefined) return;
  const single = isScalar(opened);
  const nodes = single ? [opened] : reader.items(opened, 'to', { message: 'an empty list names nobody' });
  const read = (nodes ?? []).flatMap((item) => {
    const piece = reader.text(item, 'to', 'pass');
    const short = piece && parseShort(piece.text, piece.at, scope, reader.report);
    if (piece === undefined || short === undefined) return [];
    if (short.kind === 'word') {
      reader.report(
        diagnostic('misplacedWord', piece.at, `"${short.word}" cannot stand here`, { fix: 'name who is meant' }),
      );
      return [];
    }
    if (!single && short.l4 !== 'any') {
      const fix = 'write them as "ports:" of the entry, or make it an entry of its own';
      reader.report(diagnostic('malformed', piece.at, 'in a list of "to" only names and addresses stand', { fix }));
      return [];
    }
    return [{ ...short, at: piece.at }];
  });
  const [first] = read;
  if (first === undefined || read.length < (nodes?.length ?? 0))
    form.to = { who: [], l4: 'any', at: reader.ref(opened) };
  else form.to = { who: read.map(({ who }) => who), l4: first.l4, at: first.at };
}

function readPorts(node: Node, key: Piece, reader: Reader): NonNullable<LongForm['ports']> {
  const fix = 'leave the key out to mean all of them';
  const nodes = reader.items(node, 'ports', { message: 'an empty list says nothing', fix }) ?? [];
  const pieces = nodes.flatMap((item): readonly Ports[] => {
    const whole = portText(item, reader);
    if (whole === undefined) return [];
    const slash = whole.text.indexOf('/');
    const ports = parsePorts(slash < 0 ? whole : part(whole, 0, slash), reader.report);
    const protocols = slash < 0 ? null : parseProtocol(part(whole, slash + 1), reader.report);
    return ports === undefined || protocols === undefined ? [] : [{ whole, ports, protocols }];
  });
  return { pieces, at: key.at };
}

/** A number stands for itself here; `22:22`, which old YAML reads as one, does not. */
function portText(node: Node, reader: Reader): Piece | undefined {
  const raw = reader.raw(node, 'a port');
  return raw?.plain === true && /^[0-9]+$/.test(raw.text) ? raw : raw && reader.text(node, 'a port');
}

function readProtocol(node: Node, reader: Reader): LongForm['protocol'] | undefined {
  const raw = reader.raw(node, 'protocol');
  if (raw === undefined) return undefined;
  if (!/^[0-9]+$/.test(raw.text)) {
    const protocols = parseProtocol(raw, reader.report);
    return protocols && { protocols, at: raw.at };
  }
  const number = Number(raw.text);
  if (raw.plain && number <= 255 && String(number) === raw.text) return { protocols: [number], at: raw.at };
  const message =
    number > 255 ? `protocol numbers are 0 to 255, not ${raw.text}` : `"${raw.text}" is not a protocol number`;
  reader.report(
    diagnostic('badProtocol', raw.at, message, { fix: raw.plain ? undefined : `write ${number} without quotes` }),
  );
  return undefined;
}

function finish(node: Node, form: LongForm, reader: Reader): Destination | undefined {
  const { to, until, reason } = form;
  const source = reader.ref(node);
  if (to === undefined) {
    reader.report(diagnostic('missingKey', source, 'an entry needs "to"', { fix: '{ to: WHO, … }' }));
    return undefined;
  }
  if (to.who.length === 0) return undefined; // reported where it stands
  const l4 = joinLayer4(form, to, reader);
  if (l4 === undefined) return undefined;
  const start = source.text.startsWith('{') && !source.text.endsWith('}');
  const text = start || !source.text.startsWith('{') ? formatTarget(to.who, l4) : source.text;
  return {
    who: to.who,
    l4,
    ...(until === undefined ? {} : { until }),
    ...(reason === undefined ? {} : { reason }),
    source: { ...source, text },
  };
}

function joinLayer4(form: LongForm, to: NonNullable<LongForm['to']>, reader: Reader): L4Match | undefined {
  const { ports, protocol } = form;
  const second = ports?.at ?? protocol?.at;
  if (to.l4 !== 'any' && second !== undefined) {
    reader.report(
      diagnostic('portsTwice', to.at, 'ports or a protocol stand in "to" and beside it', {
        fix: 'keep one of the two',
        related: [second],
      }),
    );
    return undefined;
  }
  if (ports === undefined)
    return protocol === undefined ? to.l4 : layer4(protocol.protocols, [], at(protocol), reader.report);
  const lists = ports.pieces.map(({ whole, ports: ranges, protocols }) => {
    if (protocols !== null && protocol !== undefined) {
      const fix = 'keep one of the two';
      reader.report(diagnostic('portsTwice', whole.at, 'the protocol stands here and in "protocol"', { fix }));
      return undefined;
    }
    return layer4(protocols ?? protocol?.protocols ?? protocolWords.tcp, ranges, whole, reader.report);
  });
  if (lists.length === 0 || lists.some((list) => list === undefined)) return undefined;
  return normaliseL4(lists.flatMap((list) => (list === undefined || list === 'any' ? [] : list)));
}

function at({ at: source }: { readonly at: SourceRef }): Piece {
  return { text: source.text, at: source };
}
