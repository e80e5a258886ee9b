import { makerNames } from '../../packetpath/purpose/makers.ts';
import { hookGroups } from '../../packetpath/purpose/order.ts';
import { outranked } from '../../packetpath/purpose/outranked.ts';
import type { Explained, ExplainedChain, ExplainedRule } from '../../packetpath/purpose/types.ts';
import { countsOf } from './counts.ts';

/** Everything that the screen says, and what it leaves out. */
export function chainsJson(explained: Explained, source: string, engineAsked: boolean): object {
  return {
    command: 'chains',
    version: 1,
    source,
    engineAsked,
    layouts: explained.layouts.map(({ family, engine, layouts, versions, evidence }) => ({
      family,
      engine,
      layouts,
      engineVersions: versions,
      evidence,
    })),
    counts: countsOf(explained),
    hooks: hookGroups(explained).map(({ plane, hook, chains }) => ({
      plane,
      hook,
      chains: chains.map(({ table: { table }, chain, base }) => ({
        family: table.family,
        engine: table.engine,
        table: table.name,
        chain: chain.chain.name,
        priority: base.priority,
      })),
    })),
    tables: explained.tables.map(({ table, maker, chains }) => ({
      family: table.family,
      engine: table.engine,
      name: table.name,
      partial: table.partial,
      maker,
      sets: table.sets.map(({ name, fields, entries, uncertain }) => ({
        name,
        fields,
        elements: entries.length,
        uncertain,
      })),
      chains: chains.map(chainJson),
    })),
    unread: explained.unread,
    twice: explained.twice.map(({ family, name, chains }) => ({
      family,
      name,
      rules: chains.flatMap(({ rules }) => rules).length,
    })),
    makers: makerNames,
  };
}

function chainJson({ chain, maker, sentence, calledBy, hooks, waysOut, rules }: ExplainedChain): object {
  return {
    name: chain.name,
    base: chain.base,
    maker,
    purpose: sentence,
    calledBy,
    hooks,
    waysOut,
    rules: rules.map((rule) => ruleJson(rule, outranked(rule, waysOut).length)),
  };
}

/** `outranked`: of how many of the chain's `waysOut` it never sees what they send elsewhere. */
function ruleJson({ rule, purpose }: ExplainedRule, outrankedOf: number): object {
  const projects = [...purpose.networks, ...purpose.containers].flatMap(({ project }) => project ?? []);
  return {
    number: rule.place.number,
    line: rule.place.line ?? null,
    handle: rule.place.handle ?? null,
    text: rule.text,
    comment: rule.comment,
    counted: rule.counted,
    lost: rule.lost,
    maker: purpose.maker,
    sureness: purpose.sureness,
    purpose: purpose.sentence,
    outbound: purpose.outbound,
    projects: [...new Set(projects)],
    networks: purpose.networks,
    containers: purpose.containers,
    outranked: outrankedOf,
  };
}
