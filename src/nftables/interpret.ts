import { fieldValue, isTcpSyn, type Moment } from './fields.ts';
import type { BaseHook, Chain, Field, KeyPart, NftSet, Statement, Table, TableFamily, Verdict } from './model.ts';
import type { PacketView } from './packet.ts';

/** A rule that a packet matched to its end, or that ended its walk: chain and index, from 0. */
export interface TrailStep {
  readonly table: TableFamily;
  readonly chain: string;
  readonly rule: number;
}

/** What became of a packet at one hook. */
export interface Walk {
  readonly verdict: 'accept' | 'drop';
  /** How the sender is told, when a reject dropped it. */
  readonly reject: 'tcp-reset' | 'admin-prohibited' | null;
  readonly trail: readonly TrailStep[];
  /** Counters that counted it, in order; one that counted twice stands twice. */
  readonly counters: readonly string[];
  /** Its marks afterwards. */
  readonly packet: PacketView;
}

/** Rules that nf_tables itself would refuse: a jump to nowhere, a chain that leads into itself, a lookup of no set. */
export class InterpretError extends Error {
  override readonly name = 'InterpretError';
}

/** include/net/netfilter/nf_tables.h, NFT_JUMP_STACK_SIZE. */
const jumpStackSize = 16;

/** More chains than any walk of ours visits at one hook; the kernel refuses rules that lead into themselves. */
const mostMoves = 10_000;

/**
 * Walks a packet through every base chain of a family at a hook, by priority, as nft_do_chain does
 * (net/netfilter/nf_tables_core.c): a statement that does not hold, or asks for what the packet lacks, ends its rule; an
 * accept ends its base chain and the next one goes on; a drop ends everything; the end of a base chain is its policy,
 * accept; a chain entered by goto returns to where the last jump came from.
 *
 * @param now the time for `meta time`, milliseconds since the epoch
 * @throws InterpretError for rules that the kernel would not have taken
 */
export function interpret(
  tables: readonly Table[],
  at: { readonly family: TableFamily; readonly hook: BaseHook['hook'] },
  packet: PacketView,
  now: number,
): Walk {
  const bases = tables
    .filter((table) => table.family === at.family)
    .flatMap((table) => table.chains.filter((chain) => chain.hook?.hook === at.hook).map((chain) => ({ table, chain })))
    .toSorted((a, b) => (a.chain.hook?.priority ?? 0) - (b.chain.hook?.priority ?? 0));
  const state: State = { packet, trail: [], counters: [], reject: null };
  for (const { table, chain } of bases) {
    if (new Walker(table, { family: at.family, now }, state).walk(chain) === 'drop')
      return { verdict: 'drop', ...state };
  }
  return { verdict: 'accept', ...state };
}

interface State {
  packet: PacketView;
  trail: TrailStep[];
  counters: string[];
  reject: Walk['reject'];
}

/** What a statement says: go on with the rule, leave it (it does not match), or a verdict. */
type Said = 'next' | 'break' | Verdict;

class Walker {
  readonly #chains: ReadonlyMap<string, Chain>;
  readonly #sets: ReadonlyMap<string, NftSet>;
  readonly #moment: Moment;
  readonly #state: State;

  constructor(table: Table, moment: Moment, state: State) {
    this.#chains = new Map(table.chains.map((chain) => [chain.name, chain]));
    this.#sets = new Map(table.sets.map((set) => [set.name, set]));
    this.#moment = moment;
    this.#state = state;
  }

  walk(base: Chain): 'accept' | 'drop' {
    const stack: { readonly chain: Chain; readonly rule: number }[] = [];
    let chain = base;
    let rule = 0;
    for (let moves = 0; moves < mostMoves; moves++) {
      const { verdict, next } = this.#run(chain, rule);
      if (!('chain' in verdict)) {
        if (verdict.kind !== 'return') return verdict.kind;
        const back = stack.pop();
        if (back === undefined) return 'accept';
        ({ chain, rule } = back);
        continue;
      }
      if (verdict.kind === 'jump') stack.push({ chain, rule: next });
      if (stack.length > jumpStackSize) throw new InterpretError(`jumps are nested too deeply at chain ${chain.name}`);
      chain = known(this.#chains, verdict.chain, 'chain');
      rule = 0;
    }
    throw new InterpretError(`chains lead into themselves, by way of ${chain.name}`);
  }

  /** Runs rules until one gives a verdict; the end of a chain is a return. */
  #run(chain: Chain, from: number): { readonly verdict: Verdict; readonly next: number } {
    for (let index = from; index < chain.rules.length; index++) {
      const said = this.#rule(chain, index);
      if (typeof said === 'object') return { verdict: said, next: index + 1 };
    }
    return { verdict: { kind: 'return' }, next: chain.rules.length };
  }

  #rule(chain: Chain, index: number): Said {
    let said: Said = 'next';
    for (const statement of chain.rules[index] ?? []) {
      said = this.#statement(statement);
      if (said !== 'next') break;
    }
    if (said !== 'break') this.#state.trail.push({ table: this.#moment.family, chain: chain.name, rule: index });
    return said;
  }

  #statement(statement: Statement): Said {
    const { packet } = this.#state;
    switch (statement.kind) {
      case 'match':
        return this.#matches(statement) ? 'next' : 'break';
      case 'mark-bit': {
        const mark = markOf(packet, statement.of);
        return mark !== undefined && ((mark & statement.bit) !== 0) === (statement.is === 'set') ? 'next' : 'break';
      }
      case 'change-mark': {
        const mark = markOf(packet, statement.of);
        if (mark === undefined) return 'break';
        const changed = statement.to === 'set' ? (mark | statement.bit) >>> 0 : (mark & ~statement.bit) >>> 0;
        this.#state.packet = withMark(packet, statement.of, changed);
        return 'next';
      }
      case 'ct-state':
        return statement.states.includes(packet.ct.state) ? 'next' : 'break';
      case 'ct-status':
        return packet.ct.kind === 'entry' && packet.ct.dnat ? 'next' : 'break';
      case 'tcp-syn':
        return isTcpSyn(packet) ? 'next' : 'break';
      case 'reverse-path':
        return packet.in !== null && packet.reversePath === statement.is ? 'next' : 'break';
      case 'vmap': {
        const key = this.#key(statement.fields);
        const found = key && find(known(this.#sets, statement.map, 'map'), key);
        return found?.verdict ?? 'break';
      }
      case 'counter':
        this.#state.counters.push(statement.name);
        return 'next';
      case 'reject':
        this.#state.reject = statement.with;
        return { kind: 'drop' };
      case 'verdict':
        return statement.verdict;
    }
  }

  #matches({ fields, op, value }: Extract<Statement, { kind: 'match' }>): boolean {
    const key = this.#key(fields);
    if (key === undefined) return false;
    if (op === '<') {
      const [left] = key;
      const right = value.kind === 'values' ? value.values[0] : undefined;
      if (typeof left !== 'bigint' || right === undefined || 'name' in right)
        throw new InterpretError(`${fields.join(' . ')} cannot be compared by order`);
      return left < right.low;
    }
    const isIn =
      value.kind === 'set'
        ? find(known(this.#sets, value.name, 'set'), key) !== undefined
        : value.values.some((part) => partHolds(part, key[0]));
    return isIn === (op === '==');
  }

  #key(fields: readonly Field[]): Key | undefined {
    const key: (bigint | string)[] = [];
    for (const field of fields) {
      const value = fieldValue(field, this.#state.packet, this.#moment);
      if (value === undefined) return undefined;
      key.push(value);
    }
    return key;
  }
}

type Key = readonly (bigint | string)[];

function known<T>(things: ReadonlyMap<string, T>, name: string, what: string): T {
  const thing = things.get(name);
  if (thing === undefined) throw new InterpretError(`there is no ${what} ${name}`);
  return thing;
}

function find(set: NftSet, key: Key) {
  if (set.key.length !== key.length) throw new InterpretError(`set ${set.name} has another key than it is asked for`);
  return set.elements.find((element) => element.key.every((part, index) => partHolds(part, key[index])));
}

function partHolds(part: KeyPart, value: bigint | string | undefined): boolean {
  if ('name' in part) return part.name === value;
  return typeof value === 'bigint' && part.low <= value && value <= part.high;
}

function markOf(packet: PacketView, of: 'meta' | 'ct'): number | undefined {
  if (of === 'meta') return packet.mark;
  return packet.ct.kind === 'entry' ? packet.ct.mark : undefined;
}

function withMark(packet: PacketView, of: 'meta' | 'ct', mark: number): PacketView {
  if (of === 'meta') return { ...packet, mark };
  return packet.ct.kind === 'entry' ? { ...packet, ct: { ...packet.ct, mark } } : packet;
}
