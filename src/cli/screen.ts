import { paintWith, wantsColour } from './paint.ts';
import type { Ports } from './ports.ts';
import { safeJson } from './text.ts';
import { type View, widthOf } from './view.ts';

/** Where a command shows its result: once, as lines for people or as JSON for programs. */
export interface Screen {
  readonly view: View;
  readonly errors: View;
  /**
   * Shows the result.
   *
   * @param json everything the lines say, with stable names
   */
  show(json: unknown, lines: (view: View) => readonly string[]): void;
  /** Text as it is, for what is a file in itself: a schema, rules, a completion script. */
  raw(text: string): void;
  /** A line on standard error, for what goes on while it takes long; only where somebody watches. */
  progress(line: string): void;
  /** A line on standard error that must be seen. */
  warn(line: string): void;
}

/** Writes to the streams of a command: JSON or text on standard output, all else on standard error. */
export function screenOn(ports: Ports, options: { readonly json: boolean; readonly colour: boolean }): Screen {
  const viewOf = (sink: Ports['out']): View => ({
    paint: paintWith(wantsColour(options.colour, sink.terminal, ports.env)),
    width: widthOf(sink, ports.env),
  });
  const view = viewOf(ports.out);
  const errors = viewOf(ports.err);
  const line = (text: string) => ports.err.write(`${text}\n`);
  return {
    view,
    errors,
    show(json, lines) {
      if (options.json) ports.out.write(`${safeJson(json)}\n`);
      else
        ports.out.write(
          lines(view)
            .map((text) => `${text}\n`)
            .join(''),
        );
    },
    raw: (text) => ports.out.write(text),
    progress: (text) => {
      if (ports.err.terminal && !options.json) line(errors.paint.faint(text));
    },
    warn: (text) => line(`${errors.paint.doubtful('warning')}  ${text}`),
  };
}
