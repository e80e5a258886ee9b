import type { Paint } from './paint.ts';
import { columns, cut, wrap } from './text.ts';
import type { View } from './view.ts';

/** A cell: lines of safe text, and how it looks. */
export interface Cell {
  readonly lines: readonly string[];
  readonly style?: keyof Paint;
}

export interface Column {
  readonly title: string;
  /** Columns of the terminal below which it is not squeezed; the cell is cut where it has to be narrower. */
  readonly least: number;
}

const gap = '  ';

/** A cell of one line or of several, in a style of {@link Paint}. */
export function cell(lines: string | readonly string[], style?: keyof Paint): Cell {
  const list = typeof lines === 'string' ? [lines] : lines;
  return style === undefined ? { lines: list } : { lines: list, style };
}

/**
 * Lines of a table. In a terminal the widest columns are squeezed until it fits and their cells wrap; in one too narrow
 * for that each row becomes a few lines. In a pipe every row is one line, with the lines of a cell joined by commas.
 */
export function table(head: readonly Column[], rows: readonly (readonly Cell[])[], view: View): readonly string[] {
  const piped = view.width === Number.POSITIVE_INFINITY;
  const body = piped ? rows.map((row) => row.map(oneLine)) : rows;
  const natural = head.map((column, index) =>
    widest([cell(column.title), ...body.map((row) => row[index] ?? cell(''))]),
  );
  const least = natural.map((width, index) => Math.min(width, head[index]?.least ?? 0));
  const room = view.width - gap.length * (head.length - 1);
  if (sum(least) > room) return rows.flatMap((row) => card(head, row, view));
  const widths = squeeze(natural, least, room);
  const titles = head.map((column) => cell(column.title, 'faint'));
  return [titles, ...body].flatMap((row) => rowLines(row, widths, view.paint));
}

/** A row below itself: the first cell, and the others by their titles. */
function card(head: readonly Column[], row: readonly Cell[], { paint, width }: View): readonly string[] {
  const [first, ...others] = row.map(({ lines, style }, index) => ({
    title: head[index]?.title.toLowerCase() ?? '',
    text: lines.join(', '),
    paint: (text: string) => (style === undefined ? text : paint[style](text)),
  }));
  const margin = Math.max(...others.map(({ title }) => columns(title)), 0) + 4;
  return [
    ...wrap(first?.text ?? '', width).map((line) => paint.strong(line)),
    ...others.flatMap((one) =>
      wrap(one.text, width - margin).map((line, index) => {
        const title = `  ${index === 0 ? one.title : ''}`.padEnd(margin);
        return `${paint.faint(title)}${one.paint(line)}`;
      }),
    ),
  ];
}

function oneLine({ lines, style }: Cell): Cell {
  return cell(lines.join(','), style);
}

function widest(cells: readonly Cell[]): number {
  return Math.max(...cells.flatMap(({ lines }) => lines.map(columns)), 0);
}

/** Takes columns away from the widest that is above its least, one by one, until the sum fits. */
function squeeze(natural: readonly number[], least: readonly number[], room: number): readonly number[] {
  const widths = [...natural];
  for (let excess = sum(widths) - room; excess > 0; excess--) {
    const spare = widths.map((width, index) => (width > (least[index] ?? 0) ? width : 0));
    const most = Math.max(...spare);
    widths[spare.lastIndexOf(most)] = most - 1;
  }
  return widths;
}

function sum(widths: readonly number[]): number {
  return widths.reduce((total, width) => total + width, 0);
}

function rowLines(row: readonly Cell[], widths: readonly number[], paint: Paint): readonly string[] {
  const cells = row.map(({ lines, style }, index) => ({
    lines: lines.flatMap((line) => wrap(line, widths[index] ?? 0)).map((line) => cut(line, widths[index] ?? 0)),
    style,
  }));
  const height = Math.max(...cells.map(({ lines }) => lines.length), 1);
  return Array.from({ length: height }, (_, line) =>
    cells
      .map(({ lines, style }, index) => {
        const text = lines[line] ?? '';
        const padding = ' '.repeat(Math.max((widths[index] ?? 0) - columns(text), 0));
        return { painted: style === undefined || text === '' ? text : paint[style](text), padding };
      })
      .reduceRight(
        (right, { painted, padding }) => (right === '' ? painted : `${painted}${padding}${gap}${right}`),
        '',
      ),
  );
}
