import { type Address, addressOf, bits } from '../../ip/address.ts';
import type { Prefix } from '../../ip/prefix.ts';
import type { Condition, Field, FieldRef, Listing, Rule, Step, Table, Value } from '../model.ts';
import type { HostInterface, Route, Surroundings } from './surroundings.ts';

/** Names that Docker gives to its bridges (libnetwork/drivers/bridge/bridge_linux.go); others are told by their rules. */
const dockersBridge = /^(docker0|docker_gwbridge|br-[0-9a-f]{12})$/;

/**
 * What a listing alone tells of its host: the interfaces its rules name, which of them are bridges, and which addresses
 * lie behind those, by the MASQUERADE rules of their subnets and the containers that Docker's rules speak of.
 */
export function surroundingsOfListing(listing: Listing): Surroundings {
  const names = new Set<string>();
  const routes = new Map<string, Route>();
  const bridges = new Set<string>();
  for (const table of listing.tables)
    for (const { rules } of table.chains)
      for (const rule of rules) {
        const named = interfacesIn(rule);
        if (named === null) continue;
        for (const name of named) names.add(name);
        const found = behind(rule, table);
        if (found === null) continue;
        bridges.add(found.interface);
        routes.set(`${found.interface} ${found.to.address.family} ${found.to.address.value} ${found.to.length}`, found);
      }
  const interfaces: readonly HostInterface[] = [...new Set([...names, 'lo'])].toSorted().map((name) => ({
    name,
    kind: dockersBridge.test(name) || bridges.has(name) ? 'bridge' : null,
    master: null,
    addresses: [],
    brNetfilter: null,
    rpFilter: null,
  }));
  return {
    interfaces,
    routes: [...routes.values()],
    policyRouting: false,
    forwarding: { 4: null, 6: null },
    complete: false,
  };
}

type Among = Extract<Condition, { kind: 'among' }>;

const isOfInterface = ({ field }: FieldRef): boolean => field === 'iifname' || field === 'oifname';

function amongIn(step: Step): Among | null {
  return step.kind === 'condition' && step.condition.kind === 'among' ? step.condition : null;
}

/** The interfaces that a rule names; null when it asks for none, as most of a large listing do, and so tells nothing. */
function interfacesIn({ steps }: Rule): readonly string[] | null {
  let names: string[] | null = null;
  for (const step of steps) {
    const { fields, values } = amongIn(step) ?? noCondition;
    for (let index = 0; index < fields.length; index++) {
      if (!isOfInterface(fields[index] as FieldRef)) continue;
      names ??= [];
      if (!('set' in values)) for (const tuple of values) names.push(...wordOf(tuple[index]));
    }
  }
  return names;
}

const noCondition: Pick<Among, 'fields' | 'values'> = { fields: [], values: [] };

function wordOf(value: Value | undefined): readonly string[] {
  return value?.kind === 'word' && value.word !== '' ? [value.word] : [];
}

/** The one value that a rule asks of a field, and whether it asks for others than it. */
function asked({ steps }: Rule, field: Field): { readonly value: Value; readonly not: boolean } | null {
  for (const step of steps) {
    const found = amongIn(step);
    if (found?.fields.length !== 1 || found.fields[0]?.field !== field) continue;
    const { values, not } = found;
    const value = 'set' in values || values.length !== 1 ? undefined : values[0]?.[0];
    return value === undefined ? null : { value, not };
  }
  return null;
}

/**
 * Addresses that a rule of Docker's puts behind a bridge: `-s SUBNET ! -o BRIDGE -j MASQUERADE`, `-d CONTAINER -o BRIDGE`
 * (its published ports), `-d CONTAINER ! -i BRIDGE -j DROP` (raw, from engine 28 on).
 */
function behind(rule: Rule, table: Table): Route | null {
  const family = table.family === 'ip6' ? 6 : 4;
  const [into, out] = [asked(rule, 'iifname'), asked(rule, 'oifname')];
  if (out === null && (into === null || table.name !== 'raw')) return null;
  const [source, destination] = [asked(rule, 'saddr'), asked(rule, 'daddr')];
  const masquerades = rule.steps.some((step) => step.kind === 'action' && step.action.kind === 'masquerade');
  const drops = rule.steps.some((step) => step.kind === 'verdict' && step.verdict.kind === 'drop');
  if (masquerades && source?.not === false && out?.not === true) return routeFor(source.value, out.value, family);
  if (destination?.not !== false || !isSingle(destination.value)) return null;
  if (out?.not === false) return routeFor(destination.value, out.value, family);
  return drops && table.name === 'raw' && into?.not === true ? routeFor(destination.value, into.value, family) : null;
}

function isSingle(value: Value): boolean {
  return value.kind === 'range' && value.low === value.high;
}

function routeFor(range: Value, by: Value, family: 4 | 6): Route | null {
  const [name] = wordOf(by);
  if (range.kind !== 'range' || name === undefined) return null;
  const to = prefixOfRange(range, family);
  return to === null ? null : { to, interface: name, source: null };
}

function prefixOfRange({ low, high }: { readonly low: bigint; readonly high: bigint }, family: 4 | 6): Prefix | null {
  const size = high - low + 1n;
  if ((size & (size - 1n)) !== 0n || low % size !== 0n) return null;
  const address: Address = addressOf(family, low);
  return { address, length: bits(family) - (size.toString(2).length - 1) };
}
