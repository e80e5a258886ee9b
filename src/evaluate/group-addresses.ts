import type { GroupAddresses } from '../ruleset/clause.ts';
import { crowdAddresses } from '../ruleset/crowd.ts';
import type { Resolver } from '../ruleset/resolve.ts';
import type { WorldIndex } from '../ruleset/world-index.ts';

/**
 * The addresses of groups that a resolver's clauses name by their keys, where no ruleset was compiled.
 *
 * @throws Error from what it returns, for the group of a clause that the resolver has not made
 */
export function groupAddresses({ crowds }: Pick<Resolver, 'crowds'>, index: WorldIndex): GroupAddresses {
  return (key) => {
    const crowd = crowds.get(key);
    if (crowd === undefined) throw new Error(`no such group: ${key}`);
    return crowdAddresses(crowd, index);
  };
}
