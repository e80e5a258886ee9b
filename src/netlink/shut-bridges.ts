import { attribute, nest, text, u32be } from './attribute.ts';
import { type BatchMessage, create, sendBatch } from './batch.ts';
import { describeErrno, NetlinkError } from './error.ts';
import type { NetlinkSocket } from './socket.ts';

/** The base chain where bridges are shut: the first of ours that IP packets come to. */
export interface ShutAt {
  /** Table of family inet, and its chain. */
  readonly table: string;
  readonly chain: string;
  /** Of hook prerouting. */
  readonly priority: number;
}

/** linux/netfilter.h and linux/netfilter/nf_tables.h */
const inet = 1;
const messages = { newTable: 0, newChain: 3, newRule: 6 } as const;
const tableName = 1;
const chain = { table: 1, name: 3, hook: 4, type: 7 } as const;
const hook = { number: 1, priority: 2 } as const;
const prerouting = 0;
const rule = { table: 1, chain: 2, expressions: 4 } as const;
const listElement = 1;
const expression = { name: 1, data: 2 } as const;
const data = { value: 1, verdict: 2 } as const;
const verdictCode = 1;
const drop = 0;
const registers = { verdict: 0, first: 1 } as const;
const meta = { destination: 1, key: 2, inInterfaceName: 6 } as const;
const compare = { source: 1, operation: 2, data: 3, equal: 0 } as const;
const immediate = { destination: 1, data: 2 } as const;
const nameSize = 16; // IFNAMSIZ

/**
 * Drops whatever IP packet comes from these bridges, before any other rule of the chain, whatever has become of its table:
 * what is missing is made. One small transaction, done when it returns. A filling of the table takes the rules away.
 *
 * @param bridges names of interfaces
 * @throws NetlinkError `refused` when there is another chain of that name
 */
export function shutBridges(
  netlink: Pick<NetlinkSocket, 'sendTogether'>,
  bridges: readonly string[],
  at: ShutAt,
): void {
  if (bridges.length === 0) return;
  const [refusal] = sendBatch(netlink, [table(at), base(at), ...bridges.map((bridge) => dropFrom(bridge, at))]);
  if (refusal === undefined) return;
  const why = describeErrno(refusal.errno);
  throw new NetlinkError('refused', `the kernel refused to shut bridges in inet ${at.table}: ${why}`, refusal.errno);
}

function message(type: number, ...attributes: readonly Buffer[]): BatchMessage {
  // NLM_F_CREATE without NLM_F_APPEND: a rule goes before all others (net/netfilter/nf_tables_api.c, nf_tables_newrule)
  return { type, flags: create, payload: Buffer.concat([Buffer.from([inet, 0, 0, 0]), ...attributes]) };
}

function table(at: ShutAt): BatchMessage {
  return message(messages.newTable, attribute(tableName, text(at.table)));
}

function base(at: ShutAt): BatchMessage {
  return message(
    messages.newChain,
    attribute(chain.table, text(at.table)),
    attribute(chain.name, text(at.chain)),
    nest(chain.hook, attribute(hook.number, u32be(prerouting)), attribute(hook.priority, u32be(at.priority))),
    attribute(chain.type, text('filter')),
  );
}

function dropFrom(bridge: string, at: ShutAt): BatchMessage {
  const name = Buffer.alloc(nameSize);
  name.write(bridge, 0, nameSize - 1);
  return message(
    messages.newRule,
    attribute(rule.table, text(at.table)),
    attribute(rule.chain, text(at.chain)),
    nest(
      rule.expressions,
      expressed(
        'meta',
        attribute(meta.destination, u32be(registers.first)),
        attribute(meta.key, u32be(meta.inInterfaceName)),
      ),
      expressed(
        'cmp',
        attribute(compare.source, u32be(registers.first)),
        attribute(compare.operation, u32be(compare.equal)),
        nest(compare.data, attribute(data.value, name)),
      ),
      expressed(
        'immediate',
        attribute(immediate.destination, u32be(registers.verdict)),
        nest(immediate.data, nest(data.verdict, attribute(verdictCode, u32be(drop)))),
      ),
    ),
  );
}

function expressed(name: string, ...its: readonly Buffer[]): Buffer {
  return nest(listElement, attribute(expression.name, text(name)), nest(expression.data, ...its));
}
