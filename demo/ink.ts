import picocolors from 'picocolors';

/** Colours by meaning; picocolors honours NO_COLOR, pipes and dumb terminals. */
export const ink = {
  title: (text: string) => picocolors.bold(picocolors.cyan(text)),
  good: picocolors.green,
  bad: picocolors.red,
  strong: (text: string) => picocolors.bold(picocolors.yellow(text)),
  faint: picocolors.dim,
  plain: (text: string) => text,
} as const;
export type Ink = typeof ink;
