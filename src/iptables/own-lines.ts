import { chainPrefix, generationOf } from './names.ts';

/**
 * What of a listing is ours: rules in our chains, and whatever begins a hook's chain, where our jump is to be. Two that say
 * the same mean the same; counts and other people's rules are left out.
 *
 * @param listing of iptables-save or ebtables-save, without counts
 */
export function ownRules(listing: string): string {
  const lines: string[] = [];
  const begun = new Set<string>();
  for (const line of listing.split('\n')) {
    if (line.startsWith('*')) {
      lines.push(line);
      begun.clear();
      continue;
    }
    const [verb, name = ''] = line.split(' ', 2);
    if (verb?.startsWith(`:${chainPrefix}`) === true) lines.push(verb);
    if (verb !== '-A') continue;
    if (name.startsWith(chainPrefix) || !begun.has(name)) lines.push(line.trimEnd());
    begun.add(name);
  }
  return lines.join('\n');
}

/** Elements of our sets. @param listing of ipset save */
export function ownSetsOf(listing: string): string {
  return listing
    .split('\n')
    .filter((line) => generationOf(line.split(' ', 2)[1] ?? '') !== null)
    .join('\n');
}
