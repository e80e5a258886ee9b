/** Command lines of a unit file as systemd reads them (systemd.service(5), "COMMAND LINES"; systemd.syntax(7)). */

export interface UnitCommand {
  readonly words: readonly string[];
  /** Begun with `-`: its failure does not count. */
  readonly mayFail: boolean;
}

/** The commands of one key, in their order. Throws on what systemd would read in a way this does not know. */
export function unitCommands(text: string, key: string): readonly UnitCommand[] {
  return text.split('\n').flatMap((line): UnitCommand[] => {
    if (line.endsWith('\\')) throw new Error(`a line goes on in the next one: ${line}`);
    if (!line.startsWith(`${key}=`)) return [];
    const command = line.slice(key.length + 1);
    const mayFail = command.startsWith('-');
    return [{ words: split(mayFail ? command.slice(1) : command), mayFail }];
  });
}

/** The commands as one shell script, which ends at the first failure that counts; nothing in a word means anything. */
export function shellOf(commands: readonly UnitCommand[]): string {
  const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
  const lines = commands.map(
    ({ words, mayFail }) => `${words.map(quoted).join(' ')}${mayFail ? ' 2>/dev/null || true' : ''}`,
  );
  return ['set -e', ...lines, ''].join('\n');
}

function split(text: string): readonly string[] {
  const words: string[] = [];
  let rest = text.trim();
  while (rest !== '') {
    const quoted = /^"((?:[^"\\]|\\["\\])*)"(?:\s+|$)/.exec(rest);
    const bare = /^([^\s"'\\]+)(?:\s+|$)/.exec(rest);
    const found = quoted ?? bare;
    if (found === null) throw new Error(`systemd would read this in its own way: ${rest}`);
    const word = (found[1] ?? '').replaceAll(/\\(["\\])/g, '$1');
    if (/^;$/.test(word)) throw new Error('a lone ";" begins another command');
    words.push(expand(word));
    rest = rest.slice(found[0].length);
  }
  return words;
}

/** `%%` and `$$` stand for themselves; a lone one is a specifier or a variable. */
function expand(word: string): string {
  const left = word.replaceAll(/%%|\$\$/g, '');
  if (/[%$]/.test(left)) throw new Error(`a specifier or a variable: ${word}`);
  return word.replaceAll('%%', '%').replaceAll('$$', '$');
}
