import type { Chain, Element, KeyPart, NftSet, Rule, Statement, Table } from '../../src/nftables/model.ts';
import { accept } from '../../src/nftables/statements.ts';

/**
 * Mistakes that a renderer could make, each as a change of what it rendered. The campaign has to catch every one of
 * them, or it proves nothing about the renderer.
 */
export const faults: Readonly<Record<string, (tables: readonly Table[]) => readonly Table[]>> = {
  'an element of an allow list is left out': mapSets(/^(exact|wide|whole|protocols)\.allow/, (set) => ({
    ...set,
    elements: set.elements.slice(1),
  })),
  'an element of a deny list is left out': mapSets(/^(exact|wide|whole|protocols)\.deny/, (set) => ({
    ...set,
    elements: set.elements.slice(1),
  })),
  'ranges of addresses end one too early': mapSets(/./, (set) => mapParts(set, 'ip', shorter)),
  'ranges of addresses end one too late': mapSets(/^(wide|whole|protocols|addresses)/, (set) =>
    mapParts(set, 'ip', longer),
  ),
  'ranges of ports end one too early': both(
    mapSets(/^wide/, (set) => mapParts(set, 'inet_service', shorter)),
    mapStatements((statement) => mapValues(statement, isPortMatch, shorter)),
  ),
  'the bytes of ports are swapped': both(
    mapSets(/^(exact|wide)/, (set) => mapParts(set, 'inet_service', swapped)),
    mapStatements((statement) => mapValues(statement, isPortMatch, swapped)),
  ),
  'IPv6 is not judged': mapSets(/^(forward6|host6)$/, (set) => ({
    ...set,
    elements: set.elements.map((element): Element => ({ ...element, verdict: { kind: 'accept' } })),
  })),
  'IPv6 permissions are left out': mapChains(/^(forward6|host6)\//, (rules) =>
    rules.filter((rule) => !endsIn(rule, 'accept') || rule.some(({ kind }) => kind === 'ct-state')),
  ),
  'permissions come before denials': mapChains(/^(forward|host)[46]\//, (rules) => [
    ...rules.filter((rule) => endsIn(rule, 'accept')),
    ...rules.filter((rule) => !endsIn(rule, 'accept')),
  ]),
  'guardrails are skipped': both(
    mapChains(/^(forward|host)[46]\//, (rules) => rules.filter((rule) => !mentions(rule, 'guard-'))),
    mapSets(/\.guard-/, (set) => ({ ...set, elements: [] })),
  ),
  'exceptions from guardrails are left out': mapChains(/^guard-/, (rules) =>
    rules.filter((rule) => !endsIn(rule, 'return')),
  ),
  'permissions do not end at their time': mapStatements((statement) => (isTime(statement) ? [] : [statement])),
  'permissions end a day early': mapStatements((statement) =>
    mapValues(statement, isTime, (part) => shifted(part, -86_400n)),
  ),
  "the host's rules judge what is forwarded": mapSets(/^forward[46]$/, leadingTo('host', 'forward')),
  'the forwarding rules judge what is for the host': mapSets(/^host[46]$/, leadingTo('forward', 'host')),
  'protocols are not asked for': mapChains(/^(forward|host|dnat|guard)/, (rules) =>
    rules.map((rule) => rule.filter((statement) => !isField(statement, 'meta l4proto'))),
  ),
  'a group has the addresses of another': rotated(/^group4\//),
  'senders have the programs of others': mapSets(/^(forward|host)[46]$/, (set) => {
    const verdicts = set.elements.map((element) => element.verdict);
    const first = verdicts.findIndex((verdict) => JSON.stringify(verdict) !== JSON.stringify(verdicts[0]));
    return {
      ...set,
      elements: set.elements.map((element, index) => {
        const verdict = verdicts[(index + Math.max(first, 1)) % verdicts.length];
        return verdict === undefined ? element : { ...element, verdict };
      }),
    };
  }),
  'replies are free without regard to the mark': mapStatements((statement) =>
    statement.kind === 'mark-bit' && statement.of === 'ct' ? [] : [statement],
  ),
  'what is picked up in the middle is not marked': mapStatements((statement) =>
    statement.kind === 'change-mark' && statement.of === 'ct' ? [] : [statement],
  ),
  'every packet from outside is doubtful': mapChains(/^inbound$/, (rules) => rules.slice(-1)),
  'published ports are judged by where DNAT takes them only': mapStatements(
    (statement) => [statement],
    (rule) => !rule.some(({ kind }) => kind === 'ct-status') || !mentions(rule, 'dnat'),
  ),
  "a published port's denials come before its guardrails": mapChains(/^forward[46]\//, (rules) => {
    const guards = rules.filter((rule) => mentions(rule, 'guard-dnat'));
    const rest = rules.filter((rule) => !mentions(rule, 'guard-dnat'));
    const before = rest.findIndex((rule) => mentions(rule, 'dnat'));
    return before < 0 ? rules : [...rest.slice(0, before), ...guards, ...rest.slice(before)];
  }),
  'audit lets pass what a guardrail forbids': mapChains(/^refused\//, (rules, chains, name) => {
    const passed = chains.find((chain) => chain.name === name.replace('refused/', 'passed/'));
    return passed?.rules ?? rules;
  }),
  'audited packets are not counted': mapStatements((statement) =>
    statement.kind === 'counter' && statement.name.startsWith('audited/') ? [] : [statement],
  ),
  'every frame counts as proven': mapChains(/^prerouting$/, (rules) => [
    [{ kind: 'change-mark', of: 'meta', bit: 0x2000_0000, to: 'set' }, accept],
    ...rules,
  ]),
  // what comes by a bridge is asked for twice: before fragments are put together, and behind
  'sources that nobody knows pass': mapChains(/^(unproven|before-defrag)$/, () => [[accept]]),
  'neighbours pass unjudged': mapChains(/^between-neighbours$/, () => [[accept]]),
  'denied packets are dropped without a word': mapStatements((statement) =>
    statement.kind === 'reject' ? [{ kind: 'verdict', verdict: { kind: 'drop' } }] : [statement],
  ),
};

type Fault = (tables: readonly Table[]) => readonly Table[];

function both(one: Fault, two: Fault): Fault {
  return (tables) => two(one(tables));
}

function mapSets(name: RegExp, change: (set: NftSet) => NftSet): Fault {
  return (tables) =>
    tables.map((table) => ({ ...table, sets: table.sets.map((set) => (name.test(set.name) ? change(set) : set)) }));
}

function mapChains(
  name: RegExp,
  change: (rules: readonly Rule[], chains: readonly Chain[], name: string) => readonly Rule[],
): Fault {
  return (tables) =>
    tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) =>
        name.test(chain.name) ? { ...chain, rules: change(chain.rules, table.chains, chain.name) } : chain,
      ),
    }));
}

function mapStatements(
  change: (statement: Statement) => readonly Statement[],
  keep: (rule: Rule) => boolean = () => true,
): Fault {
  return mapChains(/./, (rules) => rules.filter(keep).map((rule) => rule.flatMap(change)));
}

type Match = Extract<Statement, { kind: 'match' }>;

function isField(statement: Statement, ...fields: readonly string[]): statement is Match {
  return statement.kind === 'match' && statement.fields.length === 1 && fields.includes(String(statement.fields[0]));
}

const isTime = (statement: Statement): statement is Match => isField(statement, 'meta time');
const isPortMatch = (statement: Statement): statement is Match =>
  isField(statement, 'th dport', 'ct original proto-dst');

function mapValues(
  statement: Statement,
  of: (statement: Statement) => boolean,
  change: (part: KeyPart) => KeyPart,
): readonly Statement[] {
  if (!of(statement) || statement.kind !== 'match' || statement.value.kind !== 'values') return [statement];
  return [{ ...statement, value: { kind: 'values', values: statement.value.values.map(change) } }];
}

function mapParts(set: NftSet, type: string, change: (part: KeyPart) => KeyPart): NftSet {
  const changed = (element: Element): Element => ({
    ...element,
    key: element.key.map((part, index) => (set.key[index]?.startsWith(type) ? change(part) : part)),
  });
  return { ...set, elements: set.elements.map(changed) };
}

const shorter = (part: KeyPart): KeyPart =>
  'low' in part && part.low < part.high ? { ...part, high: part.high - 1n } : part;
const longer = (part: KeyPart): KeyPart => ('low' in part ? { ...part, high: part.high + 1n } : part);
const shifted = (part: KeyPart, by: bigint): KeyPart =>
  'low' in part ? { low: part.low + by, high: part.high + by } : part;

function swapped(part: KeyPart): KeyPart {
  if (!('low' in part)) return part;
  const swap = (value: bigint) => ((value & 0xffn) << 8n) | (value >> 8n);
  const [low, high] = [swap(part.low), swap(part.high)];
  return low <= high ? { low, high } : { low: high, high: low };
}

function leadingTo(to: string, instead: string): (set: NftSet) => NftSet {
  return (set) => ({
    ...set,
    elements: set.elements.map((element) => {
      const { verdict } = element;
      if (verdict === undefined || !('chain' in verdict)) return element;
      return { ...element, verdict: { ...verdict, chain: verdict.chain.replace(instead, to) } };
    }),
  });
}

/** Each set of that name gets the elements of the next one. */
function rotated(name: RegExp): Fault {
  return (tables) =>
    tables.map((table) => {
      const chosen = table.sets.filter((set) => name.test(set.name));
      const next = new Map(chosen.map((set, index) => [set.name, chosen[(index + 1) % chosen.length] as NftSet]));
      return { ...table, sets: table.sets.map((set) => ({ ...set, elements: (next.get(set.name) ?? set).elements })) };
    });
}

function endsIn(rule: Rule, verdict: string): boolean {
  const last = rule.at(-1);
  return last?.kind === 'verdict' && last.verdict.kind === verdict;
}

/** Whether a rule speaks of a chain or a set whose name holds this. */
function mentions(rule: Rule, name: string): boolean {
  return rule.some((statement) => {
    if (statement.kind === 'verdict') return 'chain' in statement.verdict && statement.verdict.chain.includes(name);
    return statement.kind === 'match' && statement.value.kind === 'set' && statement.value.name.includes(name);
  });
}
