/**
 * What a terminal might obey or show as something else: controls (C0, DEL, C1), separators, lone surrogates, and format
 * characters such as bidirectional overrides and zero-width ones.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Text that may come from anybody, with what is unsafe written as an escape: `\x1b`, `\u202e`. */
export function printable(text: string): string {
  return text.replace(unsafe, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
    return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`;
  });
}
