/**
 * A page with its tables as they have to be; everything outside the marks stays.
 *
 * @param tables by the name in the mark `<!-- generated: NAME -->`, which `<!-- end -->` closes
 * @throws Error when the page has no marks for one of them
 */
export function fillTables(page: string, tables: Readonly<Record<string, () => string>>): string {
  return Object.entries(tables).reduce((text, [name, write]) => {
    const marks = new RegExp(`(<!-- generated: ${name} -->\n)[\\s\\S]*?(<!-- end -->)`);
    if (!marks.test(text)) throw new Error(`the page has no marks for the table "${name}"`);
    return text.replace(marks, (_, begin: string, end: string) => `${begin}${write()}\n${end}`);
  }, page);
}

/** A table of Markdown, without the columns that no row fills. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const used = head.map((_, index) => rows.some((row) => row[index] !== ''));
  const line = (cells: readonly string[]) =>
    `| ${cells
      .filter((_, index) => used[index])
      .map((cell) => cell.replaceAll('|', '\\|'))
      .join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
