import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engines } from '../../lab/roots.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { checkPolicy } from '../../src/evaluate/check.ts';
import { evaluate, targetOf } from '../../src/evaluate/evaluate.ts';
import type { Packet, Verdict } from '../../src/evaluate/verdict.ts';
import { parseAddress } from '../../src/ip/address.ts';
import { protocolNumbers } from '../../src/ip/protocol.ts';
import type { Table } from '../../src/nftables/model.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import { clauseMatches, groupsOf } from '../../src/ruleset/clause.ts';
import { compile } from '../../src/ruleset/compile.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import { decodeWorld, isWorldProblem } from '../../src/world/json.ts';
import type { World } from '../../src/world/world.ts';
import { readDocument } from '../generate/cases.ts';
import { type PolicyDocument, policyDocument } from '../generate/documents.ts';
import { backendAt, holdWith, waysOf } from '../packets/backends.ts';
import { differencesAt } from '../packets/kernel.ts';
import { type Attempt, applyPolicy, describeAttempt, withoutDockersRules } from '../packets/support.ts';
import { checksOf } from './checks.ts';
import { Random } from './random.ts';
import { meaning, readBack } from './standing.ts';
import { controlled, isPublished, openTown, pickSome } from './town.ts';

/**
 * Generated policies, applied by Sluice's own command line to containers of real engines; for each packet the
 * evaluator's word, the rules read back from the kernel, and what arrived beyond the last hook. `SLUICE_SEED` asks for
 * other policies, `SLUICE_CAMPAIGN=full` for five times as many.
 */
const seed = Number(process.env['SLUICE_SEED'] ?? 20_261_123);
const policiesEach = process.env['SLUICE_CAMPAIGN'] === 'full' ? 40 : 8;
const packetsEach = 30;

const outcomes: Verdict['outcome'][] = [];

const ways = waysOf({ '28.5': 'iptables-nft' });

describe.each(ways)('engine $name', { timeout: 600_000 }, ({ engine, backend }) => {
  const random = new Random(seed + engines.indexOf(engine));
  let site: Site;
  let pool: readonly Attempt[];
  beforeAll(async () => {
    // without docker-proxy, published ports are reached by DNAT, seen in forward instead of input; Sluice switches br_netfilter on by itself
    site = holdWith(
      await openSite({
        engine,
        routed: true,
        brNetfilter: engine !== '26.1',
        userlandProxy: engine !== '28.5',
      }),
      backend,
    );
    await openTown(site);
    pool = await controlled(site, random);
    expect(pool.length).toBeGreaterThan(200);
  });
  afterAll(() => site?.stop());

  test('evaluator, rules read back and packets agree', async () => {
    const disagreements: string[] = [];
    for (const document of documents(seed + 7 * engines.indexOf(engine), policiesEach)) {
      const { ruleset, world } = await apply(site, document);
      const tables = await standing(site, ruleset);
      const now = Date.now();
      const chosen = choose(pool, ruleset, now, random);
      const probes = await withoutDockersRules(site, () => site.host.probeMany(chosen.map(({ attempt }) => attempt)));
      chosen.forEach(({ attempt, packet, verdict }, index) => {
        outcomes.push(verdict.outcome);
        const about = `${describeAttempt(attempt)}, ${verdict.outcome} by ${JSON.stringify(document)}`;
        for (const check of checksOf({ ruleset, world, tables, now }, packet))
          if (check.expected !== check.got) disagreements.push(`rules, ${check.kind}: ${check.got}: ${about}`);
        const probe = probes[index];
        if (probe?.arrived !== (verdict.outcome !== 'denied'))
          disagreements.push(
            `packet ${probe?.arrived ? `arrived: ${JSON.stringify(probe.packets)}` : 'did not arrive'}: ${about}`,
          );
        if (
          verdict.refusal !== null &&
          probe !== undefined &&
          !refusals(verdict.refusal, attempt).includes(probe.outcome)
        )
          disagreements.push(`the sender saw ${probe.outcome}, not ${verdict.refusal}: ${about}`);
      });
    }
    expect(disagreements).toEqual([]);
  });
});

test('500 packets at least were sent, a third of them allowed and a third denied', () => {
  const share = (outcome: Verdict['outcome']) => outcomes.filter((one) => one === outcome).length / outcomes.length;
  expect(outcomes.length).toBeGreaterThanOrEqual(500);
  expect(share('allowed')).toBeGreaterThan(1 / 3);
  expect(share('denied')).toBeGreaterThan(1 / 3);
});

/**
 * What a sender may see of a refusal. ICMP errors come as often as the kernel's limit lets them, bare protocols are not
 * waited for, and after DNAT there is no answer that would fit: with
 * br_netfilter on, a reset keeps the address that DNAT gave.
 */
function refusals(refusal: NonNullable<Verdict['refusal']>, attempt: Attempt): readonly string[] {
  if (typeof attempt.proto === 'number') return ['sent', 'timeout', 'unreachable', 'error'];
  if (refusal === 'reset') return isPublished(attempt) ? ['refused', 'timeout'] : ['refused'];
  return refusal === 'silence' ? ['timeout'] : ['unreachable', 'timeout'];
}

/** Policies that `sluice apply` takes. */
function documents(from: number, count: number): readonly PolicyDocument[] {
  return fc
    .sample(policyDocument, { seed: from, numRuns: 4 * count })
    .filter((document) => checkPolicy(readDocument(document), Date.now()).every(({ severity }) => severity !== 'error'))
    .slice(0, count);
}

async function apply(
  site: Site,
  document: PolicyDocument,
): Promise<{ readonly ruleset: Ruleset; readonly world: World }> {
  await applyPolicy(site, JSON.stringify(document));
  const said = await site.host.sluice('world');
  const world = decodeWorld(JSON.parse(said.stdout));
  if (isWorldProblem(world)) throw new Error(`${world.path}: ${world.message}`);
  return { ruleset: compile(readDocument(document), world, Date.now()).ruleset, world };
}

/** The neutral rules as the kernel has them, which are read back and compared with what was meant in either backend. */
async function standing(site: Site, ruleset: Ruleset): Promise<readonly Table[]> {
  const rendered = renderRuleset(ruleset);
  if (backendAt(site) !== 'nftables') {
    expect(await differencesAt(site, ruleset)).toEqual([]);
    return rendered;
  }
  const tables = await readBack(
    (args, input) => site.host.run(['nft', ...args], { input, env: { TZ: 'UTC' } }),
    await interfacesOf(site),
  );
  expect(meaning(tables)).toEqual(meaning(rendered));
  return tables;
}

async function interfacesOf(site: Site): Promise<ReadonlyMap<string, number>> {
  const links = JSON.parse(await site.host.must(['ip', '-json', 'link'])) as { ifname: string; ifindex: number }[];
  return new Map(links.map(({ ifname, ifindex }) => [ifname, ifindex]));
}

interface Chosen {
  readonly attempt: Attempt;
  readonly packet: Packet;
  readonly verdict: Verdict;
}

/** As many allowed as denied ones, and of each the rarest first: packets that several lists speak of, and differently. */
function choose(pool: readonly Attempt[], ruleset: Ruleset, now: number, random: Random): readonly Chosen[] {
  const judged = pool.flatMap((attempt): Chosen[] => {
    const packet = packetOf(attempt, ruleset);
    return packet === undefined ? [] : [{ attempt, packet, verdict: evaluate(ruleset, packet, now) }];
  });
  const some = (outcome: Verdict['outcome'], count: number): readonly Chosen[] => {
    const sorts = Map.groupBy(
      judged.filter(({ verdict }) => verdict.outcome === outcome),
      ({ packet }) => listsThatMatch(packet, ruleset, now),
    );
    const piles = [...sorts.values()].map((pile) => pickSome(pile, count, random));
    return piles
      .flatMap((pile) => pile.map((chosen, turn) => ({ chosen, turn })))
      .toSorted((a, b) => a.turn - b.turn)
      .slice(0, count)
      .map(({ chosen }) => chosen);
  };
  return [
    ...some('allowed', 0.45 * packetsEach),
    ...some('denied', 0.45 * packetsEach),
    ...some('audited', 0.1 * packetsEach),
  ];
}

/** Which lists of its sender's program speak of a packet, whatever the evaluator makes of it, and in which mode. */
function listsThatMatch(packet: Packet, ruleset: Ruleset, now: number): string {
  const program = ruleset.programs.find(({ id }) => id === packet.from.program);
  if (program === undefined) return '';
  const target = targetOf(ruleset, packet);
  const groups = groupsOf(ruleset);
  const matching = (['guard', 'except', 'deny', 'allow'] as const).filter((list) =>
    program[list].some((clause) => clauseMatches(clause, target, groups, now)),
  );
  return [program.mode, ...matching].join();
}

function packetOf({ from, to, proto = 'tcp', port = 0 }: Attempt, ruleset: Ruleset): Packet | undefined {
  const address = parseAddress(to);
  const workload = from.includes('/') ? from : `container/${from}`;
  const endpoint = ruleset.endpoints.find((one) => one.workload === workload);
  if (address === undefined || endpoint === undefined) return undefined;
  const icmp = address.family === 4 ? protocolNumbers.icmp : protocolNumbers.icmpv6;
  const protocol = typeof proto === 'number' ? proto : proto === 'icmp' ? icmp : protocolNumbers[proto];
  return { from: endpoint, to: address, protocol, port };
}
