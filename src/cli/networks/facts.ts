import { formatAddress } from '../../ip/address.ts';
import { formatPrefix } from '../../ip/prefix.ts';
import { foreignPorts, isBridged } from '../../ruleset/enrol.ts';
import type { Ruleset } from '../../ruleset/ruleset.ts';
import { indexWorld, type WorldIndex } from '../../ruleset/world-index.ts';
import { workloadName } from '../../world/workload.ts';
import type { Container, Network, PublishedPort, World } from '../../world/world.ts';
import { modeOf, shownMode } from '../mode.ts';
import { driverMeaning, driverName } from './drivers.ts';
import { networkSettings } from './options.ts';

/**
 * Whether a network's packets are judged: `held` they are; `free` nothing that policy names is on it; `cannot` nothing
 * here could; `nothing` there are none; `unknown` there is no policy to tell.
 */
export interface Holding {
  readonly kind: 'held' | 'free' | 'cannot' | 'nothing' | 'unknown';
  /** For people; null where the kind, or the driver, says it all. */
  readonly reason: string | null;
}

export interface Member {
  readonly container: Container;
  readonly workload: string;
  /** On this network; null: it runs with the network of this other container. */
  readonly shares: string | null;
  readonly addresses: readonly string[];
  readonly published: readonly string[];
  /** `?`: no good policy tells. */
  readonly mode: ReturnType<typeof shownMode> | '?';
  /** Why it is not held although policy names it. */
  readonly reason: string | null;
}

export interface NetworkFacts {
  readonly network: Network;
  readonly driver: string;
  readonly meaning: string;
  readonly subnets: readonly string[];
  readonly gateways: readonly string[];
  readonly settings: ReturnType<typeof networkSettings>;
  readonly holding: Holding;
  /** Sorted by name. */
  readonly members: readonly Member[];
}

/** The engine's networks, sorted by name. @param ruleset null where there is no good policy */
export function networkFacts(world: World, ruleset: Ruleset | null): readonly NetworkFacts[] {
  const index = indexWorld(world);
  return world.networks.map((network) => ({
    network,
    driver: driverName(network),
    meaning: driverMeaning(network),
    subnets: network.subnets.map(formatPrefix),
    gateways: gatewaysOf(network),
    settings: networkSettings(network),
    holding: holdingOf(network, ruleset),
    members: membersOf(network, index, ruleset),
  }));
}

/** What its containers send to first; the host's own addresses on the bridge where the engine does not say. */
function gatewaysOf({ routers, gateways }: Network): readonly string[] {
  const linkLocal = (text: string) => text.toLowerCase().startsWith('fe80:');
  const ours = gateways.map(formatAddress).filter((text) => !linkLocal(text));
  return ours.length > 0 ? ours : (routers ?? []).map(formatAddress);
}

function holdingOf(network: Network, ruleset: Ruleset | null): Holding {
  if (network.driver === 'null') return { kind: 'nothing', reason: null };
  if (network.driver !== 'bridge') return { kind: 'cannot', reason: null };
  if (network.bridge === null)
    return { kind: 'cannot', reason: 'its bridge is not there, or has a name that no rule can carry' };
  if (!isBridged(network))
    return {
      kind: 'cannot',
      reason: `its bridge has the port ${foreignPorts(network).join(', ')}, which is no container's: holding it would cut off what is behind that port`,
    };
  if (ruleset === null) return { kind: 'unknown', reason: null };
  const enrolled = ruleset.bridges.some(({ name }) => name === network.bridge.name);
  return enrolled ? { kind: 'held', reason: null } : { kind: 'free', reason: 'policy names nothing that is on it' };
}

function membersOf(network: Network, index: WorldIndex, ruleset: Ruleset | null): readonly Member[] {
  const programs = new Map(ruleset?.programs.map((program) => [program.id, program]));
  return index.containers
    .filter((container) => isOn(container, network, index))
    .map((container): Member => {
      const owner = index.ownerOf(container);
      const own = owner.kind === 'container' ? owner.container : container;
      const places = own.endpoints.filter((endpoint) => index.networkOf(endpoint) === network);
      const judged = (ruleset?.endpoints ?? []).filter(
        ({ container: { id }, bridge }) => id === own.id && bridge.name === network.bridge?.name,
      );
      const unheld = (ruleset?.unheld ?? []).filter(({ container: { id } }) => id === container.id || id === own.id);
      const [first] = unheld;
      const of = [...new Set(judged.map(({ program }) => program))].flatMap((id) => programs.get(id) ?? []);
      return {
        container,
        workload: workloadName(container),
        shares: own === container ? null : own.name,
        addresses: places.flatMap(({ addresses }) => addresses.map(formatAddress)),
        published: [...new Set(container.published.map(publishedText))],
        mode:
          ruleset === null && container.running
            ? '?'
            : shownMode({ mode: modeOf(container.running, unheld, of), programs: of }),
        reason: first === undefined ? null : `${first.reason}; ${first.fix}`,
      };
    })
    .toSorted((a, b) => (a.container.name < b.container.name ? -1 : a.container.name > b.container.name ? 1 : 0));
}

/** Networks of the drivers `host` and `null` have no endpoints: the containers' modes tell. */
function isOn(container: Container, network: Network, index: WorldIndex): boolean {
  const owner = index.ownerOf(container);
  if (network.driver === 'host') return owner.kind === 'host';
  if (network.driver === 'null') return owner.kind === 'none';
  return owner.kind === 'container' && index.networksOf(container).includes(network);
}

/** As people write it: `0.0.0.0:3000 → 3000/tcp`. */
function publishedText({ protocol, hostAddress, hostPort, containerPort }: PublishedPort): string {
  const address = hostAddress === null ? '*' : formatAddress(hostAddress);
  return `${address.includes(':') ? `[${address}]` : address}:${hostPort}→${containerPort}/${protocol}`;
}
