import picocolors from 'picocolors';

type Style = (text: string) => string;

/** Colours by meaning, so that a screen says what it means and this file how that looks. */
export interface Paint {
  readonly good: Style;
  readonly bad: Style;
  readonly doubtful: Style;
  readonly strong: Style;
  readonly faint: Style;
}

/** Styles by what they mean; without colour they leave the text as it is. */
export function paintWith(colour: boolean): Paint {
  const { green, red, yellow, bold, dim } = picocolors.createColors(colour);
  return { good: green, bad: red, doubtful: yellow, strong: bold, faint: dim };
}

/**
 * Whether to colour a stream: not when asked not to (`--no-color`, a NO_COLOR that is not empty: https://no-color.org),
 * when asked to (FORCE_COLOR), else when a capable terminal reads it.
 */
export function wantsColour(
  asked: boolean,
  terminal: boolean,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (!asked || (env['NO_COLOR'] ?? '') !== '') return false;
  if ((env['FORCE_COLOR'] ?? '') !== '' && env['FORCE_COLOR'] !== '0') return true;
  return terminal && env['TERM'] !== 'dumb';
}
