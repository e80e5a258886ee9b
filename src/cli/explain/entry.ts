import { bits } from '../../ip/address.ts';
import { formatTarget } from '../../policy/format.ts';
import type { Destination, Who } from '../../policy/model.ts';
import { patternOf } from '../../policy/pattern.ts';
import { isComposed, type WorldIndex } from '../../ruleset/world-index.ts';
import type { Container } from '../../world/world.ts';
import { placeOf } from './place.ts';

/**
 * What was asked for as an entry that can allow it: containers by who they are, the host by what it is.
 *
 * @returns null where none can, since nobody has that address
 */
export function entryFor({ who, l4 }: Destination, index: WorldIndex): string | null {
  const able = who.map((one) => ableToAllow(one, index));
  return able.includes(null)
    ? null
    : formatTarget(
        able.filter((one) => one !== null),
        l4,
      );
}

function ableToAllow(who: Who, index: WorldIndex): Who | null {
  if (who.kind !== 'prefix' || who.prefix.length < bits(who.prefix.address.family)) return who;
  const place = placeOf(who.prefix.address, index);
  switch (place.kind) {
    case 'container':
      return identityOf(place.container);
    case 'host':
      return { kind: 'builtin', group: 'host' };
    case 'broadcast':
      return { kind: 'builtin', group: 'multicast' };
    case 'vacant':
      return null;
    case 'elsewhere':
      return who;
  }
}

function identityOf(container: Container): Who {
  const { project, service, name } = container;
  if (!isComposed(container) || project === null || service === null)
    return { kind: 'container', name: patternOf(name) };
  return { kind: 'workload', project: patternOf(project), service: patternOf(service) };
}
