import { addressOf, formatAddress } from '../../ip/address.ts';
import { type PathEvent, type PathTrace, pathVerdict } from '../../nftables/path-trace.ts';
import type { Decider, Outcome, Walked } from '../../packetpath/walk/result.ts';
import type { Context } from '../context.ts';
import { CliError } from '../error.ts';
import { safe, wrap } from '../text.ts';
import type { View } from '../view.ts';
import type { To } from './destination.ts';
import type { From } from './sender.ts';

/** What the kernel did with a real packet, and whether the walk says the same. */
export interface Traced {
  readonly kernel: ReturnType<typeof pathVerdict>;
  /** null: the packet was not seen, or the walk cannot tell. */
  readonly agrees: boolean | null;
  /** Whether the walk has it stopped, too, but by another chain than the kernel names. */
  readonly elsewhere: boolean;
  readonly trace: PathTrace;
  readonly source: string;
}

/**
 * Sends the packet that was asked for and has the kernel trace it.
 *
 * @throws CliError when nobody here can send it, or it could not be sent
 */
export async function tracePath({ ports }: Context, { from, pid }: From, to: To, walked: Walked): Promise<Traced> {
  const sender = from === 'host' ? process.pid : pid;
  if (sender === null)
    throw new CliError(
      'unable',
      '--live sends from containers of this host and from the host itself',
      'name the container as FROM: PROJECT/SERVICE, or its name',
    );
  if (to.destination.low !== to.destination.high || to.toHost)
    throw new CliError('usage', '--live sends to one address', 'write it as TO: 192.168.5.5:22');
  await using prober = await ports.kernel.prober();
  const result = await prober.follow({
    pid: sender,
    to: addressOf(to.family, to.destination.low),
    protocol: to.protocol,
    port: Number(to.port.low),
  });
  if (result.kind === 'not-sent') throw new CliError('unable', `the packet could not be sent: ${result.reason}`);
  const kernel = pathVerdict(result.trace);
  return { kernel, ...agreement(result.trace, walked), trace: result.trace, source: formatAddress(result.source) };
}

/**
 * Whether what the kernel did is one of the ways of a walk: alike in what became of the packet, and stopped by the chain that
 * the trace names. It names none of legacy tables, which nf_tables does not trace.
 */
export function agreement(trace: PathTrace, { outcomes }: Walked): Pick<Traced, 'agrees' | 'elsewhere'> {
  const kernel = pathVerdict(trace);
  if (kernel === 'not-seen') return { agrees: null, elsewhere: false };
  const drop = kernel === 'stopped' ? trace.events.findLast(({ verdict }) => verdict === 'drop') : undefined;
  const known = outcomes.filter(({ verdict }) => verdict !== 'unknown');
  const alike = known.filter(({ verdict }: Outcome) => (verdict === 'accepted') === (kernel === 'passed'));
  if (alike.some(({ by }) => drop === undefined || isAt(by, drop))) return { agrees: true, elsewhere: false };
  return { agrees: known.length === outcomes.length ? false : null, elsewhere: alike.length > 0 };
}

function isAt(by: Decider, { family, table, chain }: PathEvent): boolean {
  if (by.kind !== 'rule' && by.kind !== 'policy') return false;
  const at = by.kind === 'rule' ? by.at : by;
  return (
    at.table.engine !== 'legacy' && at.table.family === family && at.table.name === table && at.chain.name === chain
  );
}

/** What the kernel did with the probe, and whether that is what the walk says. */
export function tracedLines(
  { kernel, agrees, elsewhere, trace, source }: Traced,
  { paint, width }: View,
): readonly string[] {
  const last = trace.events.findLast(({ verdict }) => verdict !== 'continue');
  const where = trace.began.at(-1);
  const did = {
    passed: `let it pass (seen at the end of ${trace.passed.at(-1) ?? ''})`,
    stopped: `stopped it at ${where ?? 'no hook'}${where !== undefined && trace.passed.includes(where) ? ', behind all rules there' : ''}`,
    'not-seen':
      'traced nothing of it, which proves nothing: a frame between neighbours passes these hooks only with br_netfilter',
  }[kernel];
  const differs = elsewhere ? 'but NOT by the chain that the walk names' : 'which is NOT what the walk says';
  const verdict = agrees === null ? 'so nothing is proven' : agrees ? 'as the walk says' : differs;
  const style = agrees === null ? paint.doubtful : agrees ? paint.good : paint.bad;
  const rule =
    last === undefined
      ? []
      : [
          `last rule of nf_tables: ${last.family} ${last.table} ${last.chain}${last.rule === null ? '' : `: ${last.rule}`} (${last.verdict})`,
        ];
  return [
    '',
    ...wrap(safe(`Live, from ${source}: the kernel ${did}, ${verdict}.`), width).map(style),
    ...rule.flatMap((text) => wrap(safe(text), width)),
  ];
}

/** The same as `--json` prints it. */
export function tracedJson({ kernel, agrees, elsewhere, trace, source }: Traced): object {
  return { kernel, agrees, elsewhere, source, began: trace.began, passed: trace.passed, events: trace.events };
}
