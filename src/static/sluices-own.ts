import { mainChain } from '../iptables/names.ts';

/**
 * A shell command that succeeds where Sluice itself holds the host by iptables: its chains are called as ours are, in filter
 * and security too, but it alone has one in mangle.
 *
 * @param command the iptables of a family, as the shell is to read it
 */
export function isSluices(command: string): string {
  return `${command} -w -t mangle -n -L ${mainChain} >/dev/null 2>&1`;
}

/** What is said where these rules would be put in the place of Sluice's. */
export const areSluices =
  "Sluice holds this host by iptables, in chains of these names: end that first by 'sluice down'";
