import { bits, formatAddress, parseAddress } from '../ip/address.ts';
import { formatPrefix, isPrefix, parsePrefix } from '../ip/prefix.ts';
import { diagnostic } from './codes.ts';
import type { Who } from './model.ts';
import { type Piece, part, type Report } from './piece.ts';

/** Reads an address or a prefix, without brackets. */
export function parseAddressWho(piece: Piece, report: Report): Who | undefined {
  const { text, at } = piece;
  const result = parsePrefix(text);
  if (isPrefix(result)) {
    const mapped = mappedV4(result.address.family === 6 ? result.address.value : 0n);
    if (mapped === undefined || result.length < 96) return { kind: 'prefix', prefix: result };
    report(
      diagnostic('notAnAddress', at, `"${text}" is an IPv4 address in IPv6 clothes; on the wire it is IPv4`, {
        fix: `write "${mapped}"`,
      }),
    );
    return undefined;
  }
  if (result.kind === 'host-bits') {
    const single = text.slice(0, text.indexOf('/'));
    report(
      diagnostic('hostBits', at, `"${text}" has bits set after the first ${result.meant.length}`, {
        fix: `write "${formatPrefix(result.meant)}" for the block, or "${single}" for the one address`,
      }),
    );
    return undefined;
  }
  const slash = text.indexOf('/');
  const written = slash < 0 ? text : text.slice(0, slash);
  const family = parseAddress(written)?.family;
  if (family !== undefined) {
    const fix = `an IPv${family} prefix length is 0 to ${bits(family)}`;
    report(
      diagnostic('notAnAddress', part(piece, slash + 1).at, `"${text.slice(slash + 1)}" is not a prefix length`, {
        fix,
      }),
    );
    return undefined;
  }
  report(diagnostic('notAnAddress', at, `"${text}" looks like an address and is not one`, { fix: meant(written) }));
  return undefined;
}

/** The IPv4 address inside ::ffff:0:0/96 (RFC 4291 2.5.5.2). */
function mappedV4(value: bigint): string | undefined {
  return value >> 32n === 0xffffn ? formatAddress({ family: 4, value: value & 0xffffffffn }) : undefined;
}

function meant(text: string): string | undefined {
  if (text.includes('%')) return `leave the zone out: "${text.slice(0, text.indexOf('%'))}"`;
  if (!/^[0-9.]+$/.test(text)) return undefined;
  const parts = text.split('.');
  if (parts.length !== 4) return 'write all four parts, as in "10.0.0.1"';
  const decimal = parts.map((label) => label.replace(/^0+(?=[0-9])/, '')).join('.');
  const octal = parts.map((label) => (/^0[0-7]+$/.test(label) ? Number.parseInt(label, 8) : label)).join('.');
  const readings = [decimal, octal].filter((reading) => parseAddress(reading) !== undefined && reading !== text);
  if (readings.length === 0) return 'each part is 0 to 255';
  return `a leading zero is octal to some programs: write ${[...new Set(readings)].map((reading) => `"${reading}"`).join(' or ')}`;
}

/** Whether a text can only be meant as bare IPv6: hexadecimal groups between two colons or more. */
export function looksLikeV6(text: string): boolean {
  if (!text.includes(':', text.indexOf(':') + 1)) return false;
  const head = /^[^/,-]*/.exec(text)?.[0] ?? '';
  const colons = head.split(':').length - 1;
  if (colons < 2 || !/^[0-9a-f:.]+(%.*)?$/i.test(head)) return false;
  return head.includes('::') || colons > 3 || /[a-f.]/i.test(head);
}

/**
 * Splits bare IPv6 into what it names and a protocol. An address whose last group is all decimal digits could be an
 * address or an address with a port, so it is refused with both readings.
 */
export function parseBareV6(piece: Piece, report: Report): { who: Who; rest: Piece } | undefined {
  const match = /^([^/]*)(\/[0-9]+)?(.*)$/s.exec(piece.text);
  const [, address = '', length = '', rest = ''] = match ?? [];
  const lastGroup = address.slice(address.lastIndexOf(':') + 1);
  const lengthIsPorts = /^:[0-9]/.test(rest);
  if (length !== '' && lengthIsPorts) {
    ambiguous(piece, [`[${address}${length}]${rest}`], report);
    return undefined;
  }
  if ((length === '' && /^[0-9]+$/.test(lastGroup)) || /[,-]/.test(lastGroup)) {
    ambiguous(piece, readings(address, rest), report);
    return undefined;
  }
  const end = address.length + length.length;
  const who = parseAddressWho(part(piece, 0, end), report);
  return who === undefined ? undefined : { who, rest: part(piece, end) };
}

function readings(address: string, rest: string): string[] {
  const colon = address.lastIndexOf(':');
  const before = address.slice(0, colon);
  const host = before.endsWith(':') && !before.endsWith('::') ? `${before}:` : before;
  const port = address.slice(colon + 1);
  return [
    ...(parseAddress(address) === undefined ? [] : [`[${address}]${rest}`]),
    ...(parseAddress(host) === undefined ? [] : [`[${host}]:${port}${rest}`]),
  ];
}

function ambiguous(piece: Piece, meant: readonly string[], report: Report): void {
  const quoted = meant.map((reading) => `"${reading}"`);
  const [first, second] = quoted;
  report(
    diagnostic(
      second === undefined && first === undefined ? 'notAnAddress' : 'bareV6',
      piece.at,
      second === undefined
        ? `IPv6 with ports stands in brackets: "${piece.text}" cannot be read`
        : `"${piece.text}" can be read as an address or as an address with a port`,
      {
        fix:
          second !== undefined ? `write ${first} for the address, ${second} for the port` : first && `write ${first}`,
      },
    ),
  );
}
