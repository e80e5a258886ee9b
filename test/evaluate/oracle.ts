import type { Outcome, Packet } from '../../src/evaluate/verdict.ts';
import { type Address, bits } from '../../src/ip/address.ts';
import { prefixInterval } from '../../src/ip/prefix.ts';
import { type L4Match, protocolNumbers } from '../../src/ip/protocol.ts';
import { cloudMetadata, multicastBlocks, privateBlocks, specialPurpose, worldly } from '../../src/ip/registry.ts';
import type { Block, Destination, NamePattern, Policy, Who, WorkloadSelector } from '../../src/policy/model.ts';
import type { Container, Network, World } from '../../src/world/world.ts';

/**
 * The language once more, as slowly and literally as policy.md says it: no sets, no clauses, one packet at a time. For
 * containers without labels of ours. Where this and compile with evaluate differ, one of them is wrong.
 */
export function oracle(policy: Policy, world: World, packet: Packet, now: number): Outcome {
  const sender = world.containers.find(({ id }) => id === packet.from.container.id) as Container;
  const { deny, allow, mode } = listsOf(sender, policy);
  const ways = waysOf(packet, world);
  const matches = (list: readonly Destination[], to: Way, role: 'permit' | 'forbid') =>
    list.some((entry) => entryMatches(entry, to, { sender, policy, world, role, now }));

  const exceptions = policy.guardrails.except
    .filter((one) => one.until === undefined || now <= one.until)
    .filter(({ from }) => from.some((selector) => isOf(selector, sender)))
    .map(({ to }) => to);
  for (const way of ways)
    if (matches(policy.guardrails.deny, way, 'forbid') && !matches(exceptions, way, 'permit')) return 'denied';
  if (mode === 'off') return 'allowed';
  const denied = ways.some((way) => matches(deny, way, 'forbid'));
  const allowed = allow === 'any' || ways.some((way) => matches(allow, way, 'permit'));
  if (allowed && !denied) return 'allowed';
  return mode === 'audit' ? 'audited' : 'denied';
}

/** A place a packet counts as sent to. */
interface Way {
  readonly to: Address;
  readonly protocol: number;
  readonly port: number;
}

/** Where it was sent, and the service behind it if that is a published port of the host. */
function waysOf({ to, protocol, port }: Packet, world: World): readonly Way[] {
  const behind = !isHost(to, world)
    ? []
    : world.containers.flatMap((container) =>
        container.published
          .filter(
            ({ protocol: name, hostPort, hostAddress }) =>
              protocolNumbers[name] === protocol &&
              hostPort === port &&
              (hostAddress === null ||
                same(hostAddress, to) ||
                (hostAddress.value === 0n && hostAddress.family === to.family)),
          )
          .flatMap(({ containerPort }) =>
            addressesOf(container, world).map((address) => ({ to: address, protocol, port: containerPort })),
          ),
      );
  return [{ to, protocol, port }, ...behind];
}

interface Lists {
  readonly deny: readonly Destination[];
  readonly allow: readonly Destination[] | 'any';
  readonly mode: 'enforce' | 'audit' | 'off';
}

function listsOf({ project, service, name }: Container, policy: Policy): Lists {
  const projects = policy.projects.filter(({ pattern }) => project !== null && glob(pattern, project));
  const sorted = <Named extends { pattern: NamePattern }>(blocks: readonly Named[]) =>
    blocks.toSorted((a, b) => literal(b.pattern) - literal(a.pattern));
  const levels: readonly (readonly Block[])[] =
    project === null
      ? [sorted(policy.containers.filter(({ pattern }) => glob(pattern, name)))]
      : [
          sorted(projects).flatMap((block) =>
            sorted(block.services.filter(({ pattern }) => glob(pattern, service ?? ''))),
          ),
          sorted(projects),
        ];
  const blocks = levels.flat();
  if (blocks.length === 0) {
    const { unmanaged } = policy.defaults;
    return { deny: [], allow: unmanaged === 'allow' ? 'any' : [], mode: unmanaged === 'audit' ? 'audit' : 'enforce' };
  }
  const list = blocks.find(({ allow }) => allow !== undefined)?.allow?.items ?? [];
  return {
    deny: blocks.flatMap(({ deny }) => deny ?? []),
    allow: list.flatMap((item) => (item.kind === 'destination' ? [item.destination] : [])),
    mode: blocks.find(({ mode }) => mode !== undefined)?.mode ?? 'enforce',
  };
}

interface Context {
  readonly sender: Container;
  readonly policy: Policy;
  readonly world: World;
  readonly role: 'permit' | 'forbid';
  readonly now: number;
}

function entryMatches(entry: Destination, way: Way, context: Context): boolean {
  if (entry.until !== undefined && context.now > entry.until) return false;
  if (!l4Matches(entry.l4, way)) return false;
  return entry.who.some((who) =>
    who.kind === 'group'
      ? (context.policy.groups.get(who.name)?.members ?? []).some((member) => entryMatches(member, way, context))
      : whoMatches(who, way, context),
  );
}

function whoMatches(who: Exclude<Who, { kind: 'group' }>, way: Way, context: Context): boolean {
  const { sender, world } = context;
  const { to } = way;
  const members = (test: (container: Container) => boolean) =>
    !isHost(to, world) &&
    world.containers.some((one) => test(one) && addressesOf(one, world).some((its) => same(its, to)));
  const own = networksOf(sender, world);
  switch (who.kind) {
    case 'any':
      return true;
    case 'name':
      return false;
    case 'prefix':
      return isIn(to, prefixInterval(who.prefix), who.prefix.address.family) && reached(to, context);
    case 'service':
      return members((one) => sender.project !== null && one.project === sender.project && one.service === who.service);
    case 'workload':
      return members(
        (one) =>
          one.project !== null &&
          glob(who.project, one.project) &&
          (who.service === null || glob(who.service, one.service ?? '')),
      );
    case 'container':
      return members((one) => one.project === null && glob(who.name, one.name));
    case 'network':
      return members((one) => networksOf(one, world).some(({ name }) => name === who.name));
    case 'builtin':
      break;
  }
  const cloud = among(to, cloudMetadata);
  const inside = context.role === 'forbid' && !isHost(to, world) ? carried(to) : null;
  const many = among(to, multicastBlocks);
  const broadcast = isBroadcast(to, world);
  switch (who.group) {
    case 'same-project':
      return members((one) => sender.project !== null && one.project === sender.project);
    case 'same-network':
      return members((one) => networksOf(one, world).some((network) => own.includes(network)));
    case 'containers':
      return members(() => true);
    case 'host':
      return isHost(to, world);
    case 'gateway':
      return [...own.flatMap(({ gateways }) => gateways), ...world.engine.hostGateway].some((one) => same(one, to));
    case 'dns':
      return (
        ownerOf(sender, world).resolvers.some((one) => same(one, to)) &&
        way.port === 53 &&
        [6, 17].includes(way.protocol)
      );
    case 'cloud-metadata':
      return (cloud || (inside !== null && among(inside, cloudMetadata))) && reached(to, context);
    case 'private':
      if (inside !== null && among(inside, privateBlocks)) return true;
      return among(to, privateBlocks) && !cloud && !isHost(to, world) && reached(to, context);
    case 'internet':
      if (context.role === 'forbid' && among(to, worldly) && !isHost(to, world)) return true;
      return isUnicast(to) && !among(to, specialPurpose) && !cloud && !isHost(to, world) && reached(to, context);
    case 'multicast':
      return (
        many ||
        (broadcast &&
          own.some(({ subnets }) =>
            subnets.some((subnet) => to.family === subnet.address.family && prefixInterval(subnet).high === to.value),
          ))
      );
  }
}

/** Between containers an allow counts only by identity; an allow by address does not reach the host either. */
function reached(to: Address, { role, world, sender }: Context): boolean {
  if (role === 'forbid' || among(to, multicastBlocks)) return true;
  if (isHost(to, world) || isBroadcast(to, world)) return false;
  if (to.family === 6 && to.value >> 118n === 0x3fan) return false; // fe80::/10: nobody but neighbours
  const around = world.networks.filter(
    ({ bridge, subnets }) =>
      bridge !== null && subnets.some((subnet) => isIn(to, prefixInterval(subnet), subnet.address.family)),
  );
  if (around.length === 0) return true;
  const isTaken = world.containers.some((one) => addressesOf(one, world).some((its) => same(its, to)));
  return (
    !isTaken && around.every((network) => !networksOf(sender, world).includes(network) && isFar(to, network, world))
  );
}

/** Whether the host finds an address elsewhere than on the bridge of a network that has it: on a wire, by a longer prefix. */
function isFar(to: Address, { subnets }: Network, world: World): boolean {
  const bridges = world.networks.map(({ bridge }) => bridge?.name);
  const wires = world.host.addresses.filter((one) => !bridges.includes(one.interface));
  const around = subnets.filter((subnet) => isIn(to, prefixInterval(subnet), subnet.address.family));
  return around.every((subnet) =>
    wires.some(({ address, length }) => {
      const rest = BigInt((to.family === 4 ? 32 : 128) - length);
      return address.family === to.family && length > subnet.length && address.value >> rest === to.value >> rest;
    }),
  );
}

function l4Matches(l4: L4Match, { to, protocol, port }: Way): boolean {
  if (l4 === 'any') return true;
  const icmp = to.family === 4 ? 1 : 58;
  return l4.some(
    (one) =>
      (one.protocol === 'icmp' ? icmp : one.protocol) === protocol && port >= one.ports.low && port <= one.ports.high,
  );
}

function isOf(selector: WorkloadSelector, { project, service, name }: Container): boolean {
  if (selector.kind === 'container') return project === null && glob(selector.name, name);
  return project !== null && service !== null && glob(selector.project, project) && glob(selector.service, service);
}

function ownerOf(container: Container, world: World): Container {
  const { networkMode } = container;
  if (networkMode.kind !== 'container') return container;
  return world.containers.find(({ id }) => id === networkMode.container) as Container;
}

function networksOf(container: Container, world: World): readonly Network[] {
  return world.networks.filter(({ id }) => ownerOf(container, world).endpoints.some(({ network }) => network === id));
}

function addressesOf(container: Container, world: World): readonly Address[] {
  return ownerOf(container, world).endpoints.flatMap(({ addresses, mac }) => {
    const bytes = (mac ?? '').split(':').map((pair) => Number.parseInt(pair, 16));
    const [a = 0, b = 0, c = 0, ...rest] = bytes;
    const identifier = [a ^ 2, b, c, 0xff, 0xfe, ...rest].reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
    return [...addresses, { family: 6 as const, value: (0xfe80n << 112n) | identifier }];
  });
}

function isHost(to: Address, world: World): boolean {
  return [
    ...world.host.addresses.map(({ address }) => address),
    ...world.networks.flatMap(({ gateways }) => gateways),
  ].some((one) => same(one, to));
}

function isBroadcast(to: Address, world: World): boolean {
  if (isHost(to, world)) return false; // whatever subnet somebody has chosen around it
  const wires = [
    ...world.host.addresses.map(({ address, length }) => ({ address, length })),
    ...world.networks.flatMap(({ subnets, bridge }) => (bridge === null ? [] : subnets)),
  ];
  return wires.some(({ address, length }) => {
    if (to.family === 6 || address.family === 6 || length > 30) return false;
    const rest = (1n << BigInt(32 - length)) - 1n;
    return (to.value & rest) === rest && to.value >> BigInt(32 - length) === address.value >> BigInt(32 - length);
  });
}

/** The IPv4 address inside an IPv6 address. */
function carried({ family, value }: Address): Address | null {
  if (family === 4) return null;
  const low: Address = { family: 4, value: value & 0xffff_ffffn };
  if ([0n, 0xffffn, 0xffff_0000n, 0x64_ff9bn << 64n, 0x64_ff9b_0001n << 48n].includes(value >> 32n)) return low;
  if (value >> 112n === 0x2002n) return { family: 4, value: (value >> 80n) & 0xffff_ffffn };
  return value >> 96n === 0x2001_0000n ? { family: 4, value: (value >> 64n) & 0xffff_ffffn } : null;
}

function isUnicast({ family, value }: Address): boolean {
  return family === 4 ? value < 0xe000_0000n : value >> 125n === 1n;
}

function among(to: Address, blocks: typeof specialPurpose): boolean {
  return blocks.some(({ prefix }) => isIn(to, prefixInterval(prefix), prefix.address.family));
}

function isIn({ family, value }: Address, { low, high }: { low: bigint; high: bigint }, of: 4 | 6): boolean {
  return family === of && low <= value && value <= high && bits(family) > 0;
}

const same = (a: Address, b: Address) => a.family === b.family && a.value === b.value;
const literal = ({ wild, text }: NamePattern) => (wild ? text.replaceAll('*', '').length : 1e6);
const glob = ({ text }: NamePattern, name: string) =>
  new RegExp(
    `^${text
      .split('*')
      .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  ).test(name);
