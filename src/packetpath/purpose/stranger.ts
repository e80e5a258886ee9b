import type { Family } from '../../ip/address.ts';
import type { HookName, Rule, TableFamily } from '../model.ts';
import type { Ground } from './bridges.ts';
import { makerNames, type Owner } from './makers.ts';
import { signedBy } from './signatures.ts';
import { shapeOf, type Term } from './terms.ts';
import type { NetworkRef, Outbound, Purpose } from './types.ts';
import type { Whose } from './whose.ts';

/**
 * A rule that nobody is known to make: only what it does is said, never what for. In a chain that somebody fills alone it
 * is theirs; in one of Docker's it is not what Docker makes.
 */
export function strangersPurpose(
  rule: Rule,
  owner: Owner,
  family: TableFamily,
  hooks: ReadonlySet<HookName>,
  { ground, whose }: { readonly ground: Ground; readonly whose: Whose },
): Purpose {
  const inDockers = owner.maker === 'docker' || owner.maker === 'swarm';
  const maker = inDockers || owner.maker === 'kernel' ? 'unknown' : owner.maker;
  const signer = maker === 'unknown' && !inDockers ? signedBy(rule.comment) : null;
  const { terms } = shapeOf(rule, family);
  return {
    maker: signer ?? maker,
    sureness: signer !== null ? 'by-comment' : maker === 'unknown' ? 'unknown' : 'by-chain',
    sentence: sentenceOf(rule, signer === null ? owner : { maker: signer, sentence: null }),
    outbound: outboundOf(rule, terms, hooks),
    networks: networksOf(terms, family, ground, whose),
    containers: [],
  };
}

function sentenceOf(rule: Rule, { maker }: Owner): string {
  const does = doesText(rule);
  const lost = rule.lost.length === 0 ? '' : `; this form of listing does not show ${rule.lost.join(', ')}`;
  if (maker === 'docker' || maker === 'swarm')
    return `not a rule that ${makerNames[maker]} makes here, though the chain is its own: ${does}${lost}`;
  if (maker === 'unknown' || maker === 'kernel') return `not known: ${does}${lost}`;
  return `${does}${lost}`;
}

/** What a rule does with what it matches, in words. */
function doesText(rule: Rule): string {
  const parts = rule.steps.flatMap((step): readonly string[] => {
    switch (step.kind) {
      case 'verdict':
        return [verdictText(step.verdict)];
      case 'action':
        return actionText(step.action);
      case 'vmap':
        return ['what becomes of it stands in a map'];
      default:
        return [];
    }
  });
  return parts.length === 0 ? 'does nothing with what it matches' : parts.join(', ');
}

function verdictText(verdict: Extract<Rule['steps'][number], { kind: 'verdict' }>['verdict']): string {
  switch (verdict.kind) {
    case 'accept':
      return 'lets through what it matches';
    case 'drop':
      return 'drops what it matches';
    case 'reject':
      return 'refuses what it matches';
    case 'return':
      return 'goes back with what it matches';
    case 'continue':
      return 'goes on';
    case 'jump':
    case 'goto':
      return `sends what it matches through ${verdict.chain}`;
    case 'queue':
      return 'hands what it matches to a program';
    default:
      return `does what is not understood: ${verdict.text}`;
  }
}

function actionText(action: Extract<Rule['steps'][number], { kind: 'action' }>['action']): readonly string[] {
  switch (action.kind) {
    case 'count':
      return [];
    case 'log':
      return ['logs it'];
    case 'trace':
      return ['traces it'];
    case 'notrack':
      return ['hides it from conntrack'];
    case 'set-mark':
    case 'copy-mark':
    case 'map-mark':
      return ['sets a mark'];
    case 'dnat':
      return [`turns it to ${action.to.text}`];
    case 'redirect':
      return ['turns it to the host'];
    case 'snat':
      return [`gives it ${action.to.text} as its source`];
    case 'masquerade':
      return ["gives it the host's address as its source"];
    default:
      return [action.certain ? 'changes it' : `does what is not understood: ${action.text}`];
  }
}

function outboundOf({ steps, lost }: Rule, terms: readonly Term[], hooks: ReadonlySet<HookName>): Outbound {
  if (lost.length === 0 && (onlyHost(hooks) || terms.some(isLoopback))) return 'host';
  const last = steps.at(-1);
  if (last === undefined) return 'nothing';
  if (last.kind === 'action') {
    if (last.action.kind === 'masquerade' || last.action.kind === 'snat') return 'new-source';
    if (last.action.kind === 'dnat' || last.action.kind === 'redirect') return 'new-destination';
    return last.action.kind === 'count' || last.action.kind === 'log' || last.action.kind === 'trace'
      ? 'nothing'
      : 'unknown';
  }
  if (last.kind === 'condition') return 'nothing';
  if (last.kind === 'vmap') return 'unknown';
  switch (last.verdict.kind) {
    case 'accept':
      return 'may-let-out';
    case 'drop':
    case 'reject':
      return 'may-stop';
    case 'return':
    case 'continue':
      return 'nothing';
    case 'jump':
    case 'goto':
      return 'calls';
    default:
      return 'unknown';
  }
}

/** Containers' packets pass the output hook of their own namespace, never the host's. */
function onlyHost(hooks: ReadonlySet<HookName>): boolean {
  return hooks.size === 1 && hooks.has('output');
}

function isLoopback({ key, not, operand }: Term): boolean {
  return (key === 'in' || key === 'out') && !not && operand.kind === 'words' && operand.words.join() === 'lo';
}

function networksOf(terms: readonly Term[], family: TableFamily, ground: Ground, whose: Whose): readonly NetworkRef[] {
  const families: readonly Family[] = family === 'ip' ? [4] : family === 'ip6' ? [6] : [];
  const list = terms.flatMap(({ key, operand }) => {
    if ((key === 'in' || key === 'out') && operand.kind === 'words')
      return operand.words.filter((name) => ground.isBridge(name)).map((name) => whose.network(name));
    if ((key === 'src' || key === 'dst') && operand.kind === 'ranges')
      return families.flatMap((one) => operand.ranges.flatMap((range) => whose.within(one, range)));
    return [];
  });
  return [...new Map(list.map((network) => [network.bridge, network])).values()];
}
