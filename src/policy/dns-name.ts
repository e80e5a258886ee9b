import { parse } from 'tldts';
import { diagnostic } from './codes.ts';
import type { Who } from './model.ts';
import type { Piece, Report } from './piece.ts';

/** Names without a public registry, under which the operator alone gives names: RFC 6762 (local and appendix G),
 * RFC 6761 (test, localhost), RFC 8375 (home.arpa), ICANN resolution 2024.07.29.06 (internal). */
const privateSuffixes = new Set([
  'local',
  'intranet',
  'internal',
  'private',
  'corp',
  'home',
  'lan',
  'test',
  'localhost',
  'home.arpa',
]);

const suffixOptions = { allowPrivateDomains: true, extractHostname: false, validateHostname: false } as const;

/**
 * Reads `api.example.com` or `*.example.com` (one or more labels in front, never the apex): RFC 1035 lengths, letters,
 * digits, `-` and `_`, lower-cased. A wildcard under a public suffix is refused, of the ICANN and of the private section
 * (`*.github.io`: anybody can have a name there).
 */
export function parseDnsName(piece: Piece, report: Report): Who | undefined {
  const text = piece.text.toLowerCase();
  const wildcard = text.startsWith('*.');
  const name = wildcard ? text.slice(2) : text;
  const problem = nameProblem(name);
  if (problem !== undefined) {
    const { code = 'badDnsName', message, fix } = problem;
    report(diagnostic(code, piece.at, message, { fix }));
    return undefined;
  }
  const tooWide = wildcard ? publicSuffix(name) : undefined;
  if (tooWide !== undefined) {
    report(diagnostic('publicSuffix', piece.at, tooWide, { fix: `name what you mean: "*.example.${name}"` }));
    return undefined;
  }
  return { kind: 'name', name, wildcard };
}

interface Problem {
  readonly code?: 'badDnsName' | 'notAnAddress';
  readonly message: string;
  readonly fix?: string | undefined;
}

function nameProblem(name: string): Problem | undefined {
  if (name.includes('*')) {
    const tail = name.slice(name.lastIndexOf('*.') + 2);
    const fix = /^[^*.]+\.[^*]+$/.test(tail) ? `write "*.${tail}": it stands for one label or more` : undefined;
    return { message: 'in a DNS name "*." can only stand in front', fix };
  }
  if (!/^[\x21-\x7e]*$/.test(name)) return { message: 'a DNS name is written in ASCII', fix: asciiForm(name) };
  if (name.endsWith('.')) {
    const bare = name.slice(0, -1);
    return { message: 'the dot at the end is left out', fix: bare.endsWith('.') ? undefined : `write "${bare}"` };
  }
  if (/^[0-9.]+-[0-9.]+$/.test(name))
    return {
      code: 'notAnAddress',
      message: `"${name}" is a range, and addresses are written one by one or as prefixes`,
      fix: 'write prefixes that make up the range, as in "192.168.1.0/30"',
    };
  const labels = name.split('.');
  if (labels.includes('')) return { message: 'two dots in a row, or a dot in front', fix: undefined };
  const last = labels.at(-1) ?? '';
  // the URL standard (section 3.5) reads a host whose last label is a number as an IPv4 address
  if (/^([0-9]+|0x[0-9a-f]*)$/.test(last))
    return {
      code: 'notAnAddress',
      message: `"${name}" looks like an address and is not one: programs read it in different ways`,
      fix: 'write the four parts in decimal, as in "10.0.0.1"',
    };
  if (name.length > 253) return { message: `a DNS name has at most 253 characters; this has ${name.length}` };
  const bad = labels.find((label) => !/^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
  if (bad === undefined) return undefined;
  return {
    message:
      bad.length > 63
        ? `a part of a DNS name has at most 63 characters; "${bad.slice(0, 20)}…" has ${bad.length}`
        : `"${bad}" cannot be part of a DNS name: letters, digits and "-" inside`,
  };
}

/** Why names under this one are not of one hand; undefined when they are. */
function publicSuffix(name: string): string | undefined {
  const found = parse(name, suffixOptions);
  if (found.publicSuffix !== name || privateSuffixes.has(name)) return undefined;
  if (found.isIcann === true || found.isPrivate === true)
    return `anybody can have a name under "${name}", so "*.${name}" allows them all`;
  // the list grows: a top-level name that is not on it may be public tomorrow
  return `"${name}" is a top-level name of nobody known, so "*.${name}" may allow anybody`;
}

/** The `xn--` form that DNS carries, where the name has one (UTS 46, by the platform's URL). */
function asciiForm(name: string): string | undefined {
  if (!/^[\p{L}\p{N}\p{M}._-]+$/u.test(name)) return undefined;
  try {
    const { hostname } = new URL(`http://${name}`);
    return hostname === name || hostname === '' ? undefined : `write "${hostname}"`;
  } catch {
    return undefined;
  }
}
