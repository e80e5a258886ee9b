import type { Members } from './shape.ts';

/*
 * Labels that anybody here reads: Sluice's own, and those by which Compose says whose a container or network is. All
 * others may be as many and as long as somebody likes, so they are let go where they are read.
 */

const prefixes = ['sluice.', 'com.docker.compose.'];

/** Kept whatever else there is: whoever writes labels must not push these out with others that look like them. */
const always = new Set([
  'sluice.mode',
  'sluice.allow',
  'sluice.deny',
  // every Compose, 1 and 2, writes all of these on a container, or on a network
  'com.docker.compose.project',
  'com.docker.compose.service',
  'com.docker.compose.network',
  'com.docker.compose.version',
  'com.docker.compose.config-hash',
  'com.docker.compose.container-number',
  'com.docker.compose.oneoff',
  'com.docker.compose.project.config_files',
  'com.docker.compose.project.working_dir',
]);
/** So many more of ours: of those that mean nothing to us ten are told of (policy/labels.ts). */
const others = 16;

/** What is kept of labels while they come. */
export const ownLabels: Members = { kind: 'members', of: (key) => (isOwn(key) ? 'plain' : undefined), others, always };

/** The same of labels that are there already. */
export function onlyOwn(labels: readonly (readonly [string, string])[]): ReadonlyMap<string, string> {
  let left = others;
  return new Map(labels.filter(([key]) => isOwn(key) && (always.has(key) || left-- > 0)));
}

function isOwn(key: string): boolean {
  return prefixes.some((prefix) => key.startsWith(prefix));
}
