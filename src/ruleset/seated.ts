import { workloadName } from '../world/workload.ts';
import type { Container } from '../world/world.ts';
import { type Crowd, crowdMembers } from './crowd.ts';
import { by } from './order.ts';
import type { Draft } from './programs.ts';
import { openPorts } from './published.ts';
import type { Clause, EndpointIdentity, GroupId, Program, Seat } from './ruleset.ts';
import type { Seated } from './senders.ts';
import { endpointAddresses, type WorldIndex } from './world-index.ts';

/** A draft under its id, with the ids of its groups for their keys. */
export function programOf(id: string, draft: Draft, withIds: (clause: Clause) => Clause): Program {
  return {
    id,
    ...draft,
    guard: draft.guard.map(withIds),
    except: draft.except.map(withIds),
    deny: draft.deny.map(withIds),
    allow: draft.allow.map(withIds),
  };
}

/** A clause that names its group by id instead of by key. */
export function withGroupId(clause: Clause, ids: ReadonlyMap<string, string>): Clause {
  if (clause.to.kind !== 'group') return clause;
  const group = ids.get(clause.to.group) as string;
  return group === clause.to.group ? clause : { ...clause, to: { kind: 'group', group } };
}

/** By what a seated container is known on the bridge; nothing while it does not run. */
export function identity({ container, endpoint, network }: Seated, program: string): readonly EndpointIdentity[] {
  if (endpoint === null) return [];
  return [
    {
      container: { id: container.id, name: container.name },
      workload: workloadName(container),
      bridge: { name: network.bridge.name, index: network.bridge.index },
      port: endpoint.port,
      mac: endpoint.mac,
      addresses: endpointAddresses(endpoint).toSorted(
        by(({ family, value }) => `${family} ${value.toString(16).padStart(32, '0')}`),
      ),
      program,
    },
  ];
}

/** What stands ready for a container on one network, whether or not it runs. */
export function seatOf({ container, network }: Seated, program: string, groups: readonly GroupId[]): Seat {
  return {
    container: { id: container.id, name: container.name },
    workload: workloadName(container),
    network: network.id,
    bridge: { name: network.bridge.name, index: network.bridge.index },
    program,
    groups,
    opens: openPorts(container),
  };
}

/** Groups by the container whose addresses are in them: its own, and those of containers of its project that share its namespace. */
export function groupsByOwner(
  groupIds: ReadonlyMap<string, GroupId>,
  crowds: ReadonlyMap<string, Crowd>,
  index: WorldIndex,
): ReadonlyMap<Container, readonly GroupId[]> {
  const groups = new Map<Container, GroupId[]>();
  for (const [key, id] of [...groupIds.entries()].toSorted(by(([, group]) => group))) {
    const members = crowdMembers(crowds.get(key) as Crowd, index).flatMap((member) => index.answersAs(member) ?? []);
    for (const owner of new Set(members)) {
      const list = groups.get(owner);
      if (list === undefined) groups.set(owner, [id]);
      else list.push(id);
    }
  }
  return groups;
}

/** The order of endpoints in a ruleset. */
export function byPlace(a: EndpointIdentity, b: EndpointIdentity): number {
  const key = ({ bridge, container, port }: EndpointIdentity) => `${bridge.name}\0${container.id}\0${port.name}`;
  return by(key)(a, b);
}
