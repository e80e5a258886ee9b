import { addressOf, formatAddress } from '../../ip/address.ts';
import type { PathTrace } from '../../nftables/path-trace.ts';
import type { Walked } from '../../packetpath/walk/result.ts';
import type { Context } from '../context.ts';
import { CliError } from '../error.ts';
import { safe, wrap } from '../text.ts';
import type { View } from '../view.ts';
import { type Agreement, agreement, fateOf } from './agreement.ts';
import type { To } from './destination.ts';
import type { From } from './sender.ts';

/** What the kernel did with a real packet, and whether the walk says the same. */
export interface Traced {
  readonly kernel: ReturnType<typeof fateOf>;
  readonly agreement: Agreement;
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
  const { trace, source } = result;
  return { kernel: fateOf(trace), agreement: agreement(trace, walked), trace, source: formatAddress(source) };
}

/** What the kernel did with the probe, and whether that is what the walk says, as far as it was compared. */
export function tracedLines(
  { kernel, agreement: found, trace, source }: Traced,
  { paint, width }: View,
): readonly string[] {
  const last = trace.events.findLast(({ verdict }) => verdict !== 'continue');
  const where = trace.began.at(-1);
  const did = {
    passed: `let it pass (seen at the end of ${where ?? ''})`,
    stopped: `stopped it at ${where ?? 'no hook'}${where !== undefined && trace.passed.includes(where) ? ', behind all rules there' : ''}`,
    'not-seen':
      'traced nothing of it, which proves nothing: a frame between neighbours passes these hooks only with br_netfilter',
  }[kernel];
  const [style, words] =
    found.agrees === null
      ? [paint.doubtful, 'so nothing is proven']
      : found.agrees
        ? [paint.good, `as the walk says, ${alikeWords[found.compared]}`]
        : [paint.bad, differWords[found.differs]];
  const rule =
    last === undefined
      ? []
      : [
          `last rule of nf_tables: ${last.family} ${last.table} ${last.chain}${last.place === null ? '' : ` ${last.place}`}${last.rule === null ? '' : `: ${last.rule}`} (${last.verdict})`,
        ];
  return [
    '',
    ...wrap(safe(`Live, from ${source}: the kernel ${did}, ${words}.`), width).map(style),
    ...rule.flatMap((text) => wrap(safe(text), width)),
  ];
}

const alikeWords = {
  hook: 'and at the same hook; the trace tells no more',
  chain: 'and in the same chain; which of its rules it was, could not be told',
  rule: 'and by the same rule',
  policy: 'and by the policy of the same chain',
} as const;

const differWords = {
  fate: 'which is NOT what the walk says',
  hook: 'but NOT at the hook that the walk names',
  rule: 'but NOT by the rule that the walk names',
} as const;

/** The same as `--json` prints it: `compared` how far they are alike, `differs` where they are not, null where it is the other. */
export function tracedJson({ kernel, agreement: found, trace, source }: Traced): object {
  return {
    kernel,
    agrees: found.agrees,
    compared: found.agrees === true ? found.compared : null,
    differs: found.agrees === false ? found.differs : null,
    source,
    began: trace.began,
    passed: trace.passed,
    events: trace.events,
  };
}
