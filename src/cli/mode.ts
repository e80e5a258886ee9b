import type { Program, Unheld } from '../ruleset/ruleset.ts';

/**
 * How a container is held: by the mode of its program, or why by none. `cut off`: it is not known where it sends from, and
 * everything it sends is dropped; `free`: nothing of ours judges it.
 */
export type ContainerMode = 'enforce' | 'audit' | 'off' | 'not held' | 'cut off' | 'free' | 'stopped';

/** @param programs those of its endpoints; the first one's mode is told */
export function modeOf(
  running: boolean,
  unheld: readonly Pick<Unheld, 'cutOff'>[],
  programs: readonly Program[],
): ContainerMode {
  if (!running) return 'stopped';
  if (unheld.some(({ cutOff }) => !cutOff)) return 'not held';
  return programs[0]?.mode ?? (unheld.length > 0 ? 'cut off' : 'free');
}

export const modeLooks = {
  enforce: 'good',
  audit: 'doubtful',
  off: 'doubtful',
  'not held': 'bad',
  'cut off': 'doubtful',
  '-': 'faint',
  stopped: 'faint',
} as const;

/** The mode where one was chosen; what nothing names and defaults allow has none. */
export function shownMode(of: {
  readonly mode: ContainerMode;
  readonly programs: readonly Program[];
}): keyof typeof modeLooks {
  if (of.mode === 'free') return '-';
  const open =
    of.mode === 'enforce' && of.programs.every(({ standing, allow }) => standing === 'unmanaged' && allow.length > 0);
  return open ? '-' : of.mode;
}
