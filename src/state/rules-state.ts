import type { Part } from './part.ts';
import { currentFormat, type Record, sha256 } from './record.ts';

/** The rules as text that `nft -f` loads over whatever stands, without engine, policy or us. */
export interface RulesState {
  /** Boot whose interfaces they name (/proc/sys/kernel/random/boot_id). */
  readonly boot: string;
  readonly text: string;
}

/** A comment with format, boot and checksum stands above the rules, so that the file itself can be loaded by hand. */
const head = /^# sluice rules, format ([1-9][0-9]{0,5}), boot ([0-9a-f-]{0,64}), sha256 ([0-9a-f]{64})\n/;

function rulesPart(name: string): Part<RulesState> {
  return {
    name,
    encode: ({ boot, text }) => `${boot}\n${text}`,
    decode: (body) => {
      const end = body.indexOf('\n');
      return { boot: body.slice(0, end), text: body.slice(end + 1) };
    },
    file: { encode: encodeRules, decode: decodeRules },
  };
}

function encodeRules({ boot, text }: RulesState): string {
  return `# sluice rules, format ${currentFormat}, boot ${boot}, sha256 ${sha256(`${boot}\n${text}`)}\n${text}`;
}

function decodeRules(file: string): Record {
  const found = head.exec(file);
  if (found === null) return { kind: 'damaged' };
  const [line, format = '', boot = '', digest] = found;
  if (Number(format) > currentFormat) return { kind: 'newer', format: Number(format) };
  const body = `${boot}\n${file.slice(line.length)}`;
  return digest === sha256(body) ? { kind: 'good', format: Number(format), body } : { kind: 'damaged' };
}

/** What stands. */
export const currentRules = rulesPart('rules.nft');
/** What stood before a change that waits to be confirmed: to go back where nothing else works. */
export const previousRules = rulesPart('rules-before.nft');
