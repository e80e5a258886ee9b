import { formatSource, type SourceRef } from '../policy/source.ts';
import type { Note, StaticRule } from './plan.ts';

/*
 * Names come from anybody: labels, compose files, containers. What reaches a file is reduced to characters that mean
 * nothing to systemd (specifiers, variables, quotes), to a shell, to iptables-restore and to nft, each read inside double
 * quotes or after a "#".
 */
const outsideWords = /[^A-Za-z0-9 _.,:/@+*()[\]=-]/g;
/** A line that begins with "#" is read by nobody, but for a `\` at its end. */
const outsideRemarks = /[^\x20-\x5b\x5d-\x5f\x61-\x7e]/g;

/** Text for a rule's comment: safe inside double quotes in every form. */
export function ruleComment({ comment, source }: Pick<StaticRule, 'comment' | 'source'>, longest: number): string {
  const place = source === null ? '' : ` (${placeOf(source)})`;
  const whole = reduced(`${comment}${place}`, outsideWords);
  return whole.length <= longest ? whole : `${whole.slice(0, longest - 3)}...`;
}

/** Lines of a remark, each begun with `# `, at most `width` columns where words let it. */
export function remark(text: string, width = 118): readonly string[] {
  const lines: string[] = [];
  let line = '#';
  for (const word of reduced(text, outsideRemarks).split(' ')) {
    if (line !== '#' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = '#';
    }
    line = `${line} ${word}`;
  }
  return [...lines, line];
}

/** A command to type, on a line of its own. */
export function commandRemark(command: string): string {
  return `#     ${reduced(command, outsideRemarks)}`;
}

/** A note as remarks, with its place and what would mend it. */
export function noteRemarks({ text, source, compose }: Note): readonly string[] {
  const place = source === null ? '' : `${placeOf(source)}: `;
  return [
    ...remark(`NOTE ${place}${text}`),
    ...(compose.length === 0
      ? []
      : ['#   in the compose file:', ...compose.map((line) => `#     ${reduced(line, outsideRemarks)}`)]),
  ];
}

/** The place of an entry, as `policy.yaml:14`: the path as the user gave it. */
export function placeOf(source: SourceRef): string {
  return formatSource(source);
}

function reduced(text: string, outside: RegExp): string {
  return text.replaceAll(/\s/g, ' ').replaceAll(outside, '_');
}

/**
 * One word of a systemd command line (systemd.service(5), "COMMAND LINES"; systemd.unit(5), "SPECIFIERS"): `%` and `$`
 * doubled, quoted with `"` and `\` escaped where it has more than plain characters.
 */
export function systemdWord(word: string): string {
  const escaped = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  if (/^[A-Za-z0-9_.,:/@+=!%$-]+$/.test(escaped)) return escaped;
  return `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** One word as iptables-restore reads it: quoted with `"`, in which `\` escapes. */
export function restoreWord(word: string): string {
  if (/^[A-Za-z0-9_.,:/@+=!-]+$/.test(word)) return word;
  return `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
