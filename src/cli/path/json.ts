import type { Interface } from '../../packetpath/walk/packet.ts';
import type { Assumption, Decider, Event, Outcome, RuleAt } from '../../packetpath/walk/result.ts';
import { interfaceText, spanText } from './asked-text.ts';
import { fixTexts } from './fix.ts';
import { tracedJson } from './live.ts';
import type { PathAnswer } from './screen.ts';

/** What `explain --path --json` prints. */
export function pathJson({ packet, walked, programOf, neverReached, assumed, traced }: PathAnswer): object {
  return {
    command: 'explain',
    version: 1,
    path: true,
    packet,
    verdict: walked.verdict,
    outcomes: walked.outcomes.map((outcome) => ({ ...outcomeJson(outcome), program: programOf(outcome) })),
    neverReached:
      neverReached === null
        ? null
        : {
            chain: neverReached.chain,
            calledBy: ruleJson(neverReached.call),
            behind: ruleJson(neverReached.by),
            would: neverReached.would === null ? null : ruleJson(neverReached.would),
            fix: fixTexts(neverReached),
          },
    assumed: [...assumed, ...walked.assumed],
    live: traced === null ? null : tracedJson(traced),
  };
}

function outcomeJson({ verdict, reject, by, assumptions, loose, events, packet }: Outcome): object {
  return {
    verdict,
    reject,
    decidedBy: deciderJson(by),
    conditions: assumptions.map(conditionJson),
    moreConditions: loose,
    events: events.map(eventJson),
    left: {
      source: spanText(packet.source, packet.family),
      destination: spanText(packet.destination, packet.family),
      out: interfaceText(packet.out),
    },
  };
}

function conditionJson({ text, at }: Assumption): object {
  return { text, rule: at === null ? null : ruleJson(at) };
}

function deciderJson(by: Decider): object {
  switch (by.kind) {
    case 'rule':
      return { kind: by.kind, ...ruleJson(by.at) };
    case 'policy':
      return { kind: by.kind, table: by.table.name, family: by.table.family, chain: by.chain.name };
    case 'host':
      return { kind: by.kind, why: by.why };
    case 'nothing':
      return { kind: by.kind };
  }
}

function ruleJson({ table, chain, rule }: RuleAt): object {
  const { number, line = null, handle = null } = rule.place;
  return {
    engine: table.engine,
    family: table.family,
    table: table.name,
    chain: chain.name,
    number,
    line,
    handle,
    text: rule.text,
  };
}

function eventJson(event: Event): object {
  const name = (of: Interface | null) => (of === null ? null : interfaceText(of));
  switch (event.kind) {
    case 'hook':
      return { kind: event.kind, layer: event.layer, hook: event.hook, in: name(event.in), out: name(event.out) };
    case 'rule':
      return { kind: event.kind, ...ruleJson(event.at), said: event.said };
    case 'policy':
      return { kind: event.kind, table: event.table.name, chain: event.chain.name, policy: event.policy };
    case 'translated':
    case 'bridged':
      return event;
    case 'routed':
      return { kind: event.kind, to: event.to === 'local' ? 'local' : name(event.to) };
  }
}
