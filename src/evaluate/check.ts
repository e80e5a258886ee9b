import { type Address, addressOf, formatAddress } from '../ip/address.ts';
import { intersectSets, setIncludes, subtractSets } from '../ip/address-set.ts';
import { type Box, boxesOf } from '../ip/box.ts';
import { everyPort, protocolNumbers } from '../ip/protocol.ts';
import { diagnostic } from '../policy/codes.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Destination, Policy, PolicyTest } from '../policy/model.ts';
import type { SourceRef } from '../policy/source.ts';
import { addressesOf, counts, sourceKey } from '../ruleset/clause.ts';
import { compile } from '../ruleset/compile.ts';
import { createResolver, entryText, leavesOf } from '../ruleset/resolve.ts';
import type { EndpointIdentity, Ruleset } from '../ruleset/ruleset.ts';
import { selects } from '../ruleset/workload.ts';
import { indexWorld } from '../ruleset/world-index.ts';
import { workloadName } from '../world/workload.ts';
import type { Container, World } from '../world/world.ts';
import { coverage } from './coverage.ts';
import { evaluate } from './evaluate.ts';
import { groupAddresses } from './group-addresses.ts';
import { neverMatching } from './never-matches.ts';
import { symbolicWorld, syntheticSpace } from './symbolic.ts';
import type { Verdict } from './verdict.ts';
import { readable } from './witness.ts';

/**
 * What can be said of a policy without a host: which of its tests fail, and which of its rules can never match. Tests
 * are judged by compile and evaluate themselves, on a world made up of everybody the policy tells apart. Sorted.
 *
 * @param now milliseconds since the epoch
 */
export function checkPolicy(policy: Policy, now: number): readonly Diagnostic[] {
  const world = symbolicWorld(policy);
  const findings = [...failingTests(policy, world, now), ...neverMatching(policy, world, now)];
  const byPlace = new Map(
    findings.map((found) => [`${sourceKey(found.source)}\0${found.code}\0${found.message}`, found]),
  );
  return [...byPlace.keys()].toSorted().map((key) => byPlace.get(key) as Diagnostic);
}

interface Bench {
  readonly ruleset: Ruleset;
  readonly world: World;
  readonly now: number;
  readonly region: (destination: Destination, container: Container, wanted: 'allow' | 'deny') => readonly Box[];
}

function failingTests(policy: Policy, world: World, now: number): readonly Diagnostic[] {
  if (policy.tests.length === 0) return [];
  const bench = setUp(policy, world, now);
  return policy.tests.flatMap((test) => [
    ...test.allow.flatMap((entry) => failing(test, entry, 'allow', bench)),
    ...test.deny.flatMap((entry) => failing(test, entry, 'deny', bench)),
  ]);
}

function setUp(policy: Policy, world: World, now: number): Bench {
  const index = indexWorld(world);
  const resolver = createResolver(policy, index, now);
  const groups = groupAddresses(resolver, index);
  const compiled = compile(policy, world, now).ruleset;
  const region = (destination: Destination, container: Container, wanted: 'allow' | 'deny'): readonly Box[] => {
    const role = wanted === 'allow' ? 'ask' : 'forbid';
    const subject = {
      project: container.project,
      networks: index.networksOf(container),
      resolvers: container.resolvers,
    };
    return leavesOf(destination, policy).flatMap(({ who, l4 }) =>
      resolver.clauses([{ ...destination, who: [who], l4 }], subject, role).flatMap((clause) => {
        const said = addressesOf(clause, groups);
        // an entry by address does not speak of the stand-ins
        const meant = who.kind === 'prefix' ? subtractSets(said, syntheticSpace) : said;
        const onPlane = clause.plane === 'host' ? intersectSets : subtractSets;
        return boxesOf(onPlane(meant, index.hostAddresses), clause.l4);
      }),
    );
  };
  // modes are read as enforce
  const programs = compiled.programs.map((program) => ({ ...program, mode: 'enforce' as const }));
  return { ruleset: { ...compiled, programs }, world, now, region };
}

/**
 * Whether an entry fails: for each workload that `from` means, every packet it describes must get the verdict. Through
 * which of several networks a packet leaves is not known beforehand: a permission must hold on one, a denial on all.
 */
function failing(test: PolicyTest, entry: Destination, wanted: 'allow' | 'deny', bench: Bench): readonly Diagnostic[] {
  if (!counts(entry, bench.now)) return [];
  const senders = bench.world.containers.filter((container) => selects(test.from, container));
  for (const container of senders) {
    const region = bench.region(entry, container, wanted);
    if (region.length === 0) return [describesNothing(entry, container)];
    const endpoints = bench.ruleset.endpoints.filter((endpoint) => endpoint.container.id === container.id);
    if (endpoints.length === 0) {
      if (wanted === 'allow') continue;
      return [notHeld(entry, container)];
    }
    const wrong = endpoints.map((endpoint) => ({ endpoint, against: against(region, endpoint, wanted, bench) }));
    const failed =
      wanted === 'deny'
        ? wrong.find(({ against }) => against.length > 0)
        : wrong.every(({ against }) => against.length > 0)
          ? wrong[0]
          : undefined;
    const box = failed?.against[0];
    if (failed !== undefined && box !== undefined)
      return [failure(entry, container, failed.endpoint, box, wanted, bench)];
  }
  return [];
}

/** The part of a region that gets the other verdict. */
function against(
  region: readonly Box[],
  endpoint: EndpointIdentity,
  wanted: 'allow' | 'deny',
  { ruleset, now }: Bench,
): readonly Box[] {
  const program = ruleset.programs.find(({ id }) => id === endpoint.program);
  if (program === undefined) throw new Error(`the ruleset has no program ${endpoint.program}`);
  const { allowed, denied } = coverage(ruleset, program, region, now);
  return wanted === 'allow' ? denied : allowed;
}

function describesNothing(entry: Destination, container: Container): Diagnostic {
  return diagnostic(
    'failingTest',
    entry.source,
    `test fails: "${entryText(entry)}" stands for nobody when ${readable(workloadName(container))} says it`,
    { fix: 'name the destination itself' },
  );
}

/** A workload that nothing names, on a bridge that nothing enrols, may send everything. */
function notHeld(entry: Destination, container: Container): Diagnostic {
  const who = readable(workloadName(container));
  return diagnostic(
    'failingTest',
    entry.source,
    `test fails: ${who} may reach "${entryText(entry)}": nothing names it`,
    {
      fix: 'name it under `projects` or `containers`, or change the test',
    },
  );
}

function failure(
  entry: Destination,
  container: Container,
  from: EndpointIdentity,
  box: Box,
  wanted: 'allow' | 'deny',
  bench: Bench,
): Diagnostic {
  const to = addressOf(box.family, box.addresses.low);
  const packet = { from, to, protocol: box.protocols.low, port: box.ports.low };
  const { reason, source } = why(evaluate(bench.ruleset, packet, bench.now));
  const who = readable(workloadName(container));
  const what = textOf(box, bench);
  const verdict = wanted === 'allow' ? `may not reach ${what}` : `may reach ${what}`;
  return diagnostic('failingTest', entry.source, `test fails: ${who} ${verdict}: ${reason}`, {
    fix: wanted === 'allow' ? 'allow it, or change the test' : 'deny it or narrow what allows it, or change the test',
    related: source === null ? [] : [source],
  });
}

function why({ steps }: Verdict): { readonly reason: string; readonly source: SourceRef | null } {
  const last = steps.at(-1);
  switch (last?.kind) {
    case 'guardrail':
      return { reason: `the guardrail "${last.clause.entry}" denies it`, source: last.clause.source };
    case 'deny':
      return { reason: `"${last.clause.entry}" denies it`, source: last.clause.source };
    case 'allow':
      return { reason: `"${last.clause.entry}" allows it`, source: last.clause.source };
    case 'nothing-allows':
      return { reason: 'nothing allows it', source: last.otherwise };
    default:
      throw new Error('a verdict without a reason');
  }
}

const names = new Map(Object.entries(protocolNumbers).map(([name, number]) => [number as number, name]));

/** The first destination of a box for people: stand-ins by what they stand for. */
function textOf({ family, addresses, protocols, ports }: Box, bench: Bench): string {
  const address = addressOf(family, addresses.low);
  const withPort = ports.low > everyPort.low || ports.high < everyPort.high;
  const text = formatAddress(address);
  const place = standIn(address, bench) ?? (family === 6 && withPort ? `[${text}]` : text);
  if (protocols.low < protocols.high) return place;
  const layer = names.get(protocols.low) ?? String(protocols.low);
  return withPort ? `${place}:${ports.low}/${layer}` : `${place}/${layer}`;
}

function standIn(address: Address, { ruleset, world }: Bench): string | undefined {
  if (!setIncludes(syntheticSpace, address)) return undefined;
  const isIt = ({ family, value }: Address) => family === address.family && value === address.value;
  const holder = world.containers.find(({ endpoints }) => endpoints.some(({ addresses }) => addresses.some(isIt)));
  if (holder !== undefined) return readable(workloadName(holder));
  if (world.networks.some(({ gateways }) => gateways.some(isIt)) || world.engine.hostGateway.some(isIt))
    return 'gateway';
  return setIncludes(ruleset.hostAddresses, address) ? 'host' : 'dns';
}
