import { batchesOf } from './batches.ts';
import { chainPrefix, generationOf } from './names.ts';

/**
 * What of a listing is ours: rules in our chains, and whatever begins a hook's chain, where our jump is to be. Two that say
 * the same mean the same; counts and other people's rules are left out.
 *
 * @param listing of iptables-save or ebtables-save, without counts; read with pauses
 */
export function* ownRules(listing: string): Generator<void, string> {
  const own: string[] = [];
  const begun = new Set<string>();
  for (const lines of batchesOf(listing)) {
    for (const line of lines) {
      if (line.startsWith('*')) {
        own.push(line);
        begun.clear();
        continue;
      }
      const [verb, name = ''] = line.split(' ', 2);
      if (verb?.startsWith(`:${chainPrefix}`) === true) own.push(verb);
      if (verb !== '-A') continue;
      if (name.startsWith(chainPrefix) || !begun.has(name)) own.push(line.trimEnd());
      begun.add(name);
    }
    yield;
  }
  return own.join('\n');
}

/** Elements of our sets. @param listing of ipset save; read with pauses */
export function* ownSetsOf(listing: string): Generator<void, string> {
  const own: string[] = [];
  for (const lines of batchesOf(listing)) {
    own.push(...lines.filter((line) => generationOf(line.split(' ', 2)[1] ?? '') !== null));
    yield;
  }
  return own.join('\n');
}
