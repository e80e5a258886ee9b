import { addressOf, formatAddress } from '../../ip/address.ts';
import { type PathTrace, pathVerdict } from '../../nftables/path-trace.ts';
import type { Outcome, Walked } from '../../packetpath/walk/result.ts';
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
  return { kernel, agrees: agreement(kernel, walked), trace: result.trace, source: formatAddress(result.source) };
}

function agreement(kernel: Traced['kernel'], { outcomes }: Walked): boolean | null {
  if (kernel === 'not-seen') return null;
  const isSo = ({ verdict }: Outcome) => (verdict === 'accepted') === (kernel === 'passed');
  const known = outcomes.filter(({ verdict }) => verdict !== 'unknown');
  if (known.some(isSo)) return true;
  return known.length === outcomes.length ? false : null;
}

/** What the kernel did with the probe, and whether that is what the walk says. */
export function tracedLines({ kernel, agrees, trace, source }: Traced, { paint, width }: View): readonly string[] {
  const last = trace.events.findLast(({ verdict }) => verdict !== 'continue');
  const where = trace.began.at(-1);
  const did = {
    passed: `let it pass (seen at the end of ${trace.passed.at(-1) ?? ''})`,
    stopped: `stopped it at ${where ?? 'no hook'}${where !== undefined && trace.passed.includes(where) ? ', behind all rules there' : ''}`,
    'not-seen':
      'traced nothing of it, which proves nothing: a frame between neighbours passes these hooks only with br_netfilter',
  }[kernel];
  const verdict =
    agrees === null ? 'so nothing is proven' : agrees ? 'as the walk says' : 'which is NOT what the walk says';
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
export function tracedJson({ kernel, agrees, trace, source }: Traced): object {
  return { kernel, agrees, source, began: trace.began, passed: trace.passed, events: trace.events };
}
