import type { Program } from '../ruleset/ruleset.ts';

/** How a container is held: by the mode of its program, or why by none. `free`: nothing of ours judges it. */
export type ContainerMode = 'enforce' | 'audit' | 'off' | 'not held' | 'free' | 'stopped';

/** @param programs those of its endpoints; the first one's mode is told */
export function modeOf(running: boolean, unheld: boolean, programs: readonly Program[]): ContainerMode {
  if (!running) return 'stopped';
  return unheld ? 'not held' : (programs[0]?.mode ?? 'free');
}

export const modeLooks = {
  enforce: 'good',
  audit: 'doubtful',
  off: 'doubtful',
  'not held': 'bad',
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
