import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createInterface, type Interface } from 'node:readline';
import type { BackendName } from '../../enforce/backend.ts';
import { type Address, formatAddress, parseAddress } from '../../ip/address.ts';
import { hostCommand } from '../../iptables/command.ts';
import { toolsOf } from '../../iptables/tools.ts';
import { isTold, lookouts, standingBeside, type XtVerdict, xtVerdict } from '../../iptables/traced.ts';
import { nftCommand } from '../../nftables/nft.ts';
import { Trace, type TracedConversation } from '../../nftables/trace.ts';
import { CliError } from '../error.ts';
import { type ProbeAnswer, type ProbeRequest, probeWord } from '../live/probe-protocol.ts';
import type { LiveProbe, Prober } from '../live/prober.ts';
import { sourceMark } from '../live/source-mark.ts';

/** Source ports are tried until one is free in the container. */
const attempts = 5;
const answerLimit = 10_000; // ms

/**
 * Sends with helpers in the containers' network namespaces, and reads the kernel's trace.
 *
 * @param holder in what our rules are; null: nothing of ours is asked for
 */
export async function openProber(holder: BackendName | null): Promise<Prober> {
  const judged = await judgeOf(holder);
  const trace = await Trace.open(nftCommand);
  // Ctrl-C ends the helpers, then the probe that waits for one, and on that way out everything is taken away
  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const helpers = new Map<number, Helper>();
  const helperIn = (pid: number): Helper => {
    const helper = helpers.get(pid) ?? new Helper(pid);
    helpers.set(pid, helper);
    return helper;
  };
  const sourceFor = async (pid: number, to: Address): Promise<Address | null> => {
    const answer = await helperIn(pid).ask({ ask: 'source', to: formatAddress(to) });
    return 'source' in answer ? (parseAddress(answer.source) ?? null) : null;
  };
  const ready = async (probe: LiveProbe): Promise<From | null> => {
    if (interrupted) throw new CliError('unable', 'interrupted');
    const source = await sourceFor(probe.pid, probe.to);
    return source === null ? null : { source, helper: helperIn(probe.pid) };
  };
  return {
    sourceFor,
    async probe(probe) {
      const from = await ready(probe);
      if (from === null) return unrouted;
      const sent = await send(probe, from, (conversation, ask) => judged(trace, conversation, ask));
      return 'reason' in sent ? sent : { kind: 'traced', source: from.source, verdict: sent.seen };
    },
    async follow(probe) {
      const from = await ready(probe);
      if (from === null) return unrouted;
      const sent = await send(probe, from, (conversation, ask) => trace.followPath(conversation, ask));
      return 'reason' in sent ? sent : { kind: 'traced', source: from.source, trace: sent.seen };
    },
    async [Symbol.asyncDispose]() {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
      for (const helper of helpers.values()) helper.end();
      await trace[Symbol.asyncDispose]();
    },
  };
}

type Judge = (trace: Trace, conversation: TracedConversation, send: () => Promise<void>) => Promise<XtVerdict>;

/** How it is read what our rules made of a packet. */
async function judgeOf(holder: BackendName | null): Promise<Judge> {
  if (holder === null || holder === 'nftables') return (trace, conversation, ask) => trace.follow(conversation, ask);
  const variant = holder === 'iptables-nft' ? 'nft' : 'legacy';
  const standing = await standingBeside(hostCommand, await toolsOf(variant, hostCommand));
  return async (trace, conversation, ask) =>
    xtVerdict(await trace.followWith(conversation, ask, lookouts, isTold), standing);
}

interface From {
  readonly source: Address;
  readonly helper: Helper;
}

const unrouted = { kind: 'not-sent', reason: 'there is no route to it from the container' } as const;

/** Sends with one free source port after the other, and has each followed. */
async function send<T>(
  { to, protocol, port }: LiveProbe,
  { source, helper }: From,
  follow: (conversation: TracedConversation, send: () => Promise<void>) => Promise<T>,
): Promise<{ readonly seen: T } | { readonly kind: 'not-sent'; readonly reason: string }> {
  for (let attempt = 1; ; attempt++) {
    const sourcePort = randomInt(20_000, 60_000);
    const request: ProbeRequest = {
      ask: 'send',
      protocol,
      to: formatAddress(to),
      port,
      source: formatAddress(source),
      sourcePort,
    };
    const conversation = { source, destination: to, protocol, sourcePort: sourceMark(protocol, sourcePort) };
    let answer: ProbeAnswer = { error: 'it was not asked', code: null };
    const seen = await follow(conversation, async () => {
      answer = await helper.ask(request);
    });
    const { error, code } = answer as { readonly error?: string; readonly code?: string | null };
    if (error === undefined) return { seen };
    if (code !== 'EADDRINUSE' || attempt === attempts) return { kind: 'not-sent', reason: error };
  }
}

/** Our own program again, in a container's network namespace and in nothing else of it. */
class Helper {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  constructor(pid: number) {
    const [node, main] = [process.execPath, process.argv[1] ?? ''];
    this.#child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, '--', node, main, probeWord], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#child.on('error', () => {}); // its output then ends, which is told below
    this.#child.stdin?.on('error', () => {});
    if (this.#child.stdout === null) throw new Error('a helper without output');
    this.#reader = createInterface({ input: this.#child.stdout });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  async ask(request: ProbeRequest): Promise<ProbeAnswer> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const silence = new Promise<'silence'>((resolve) => {
      setTimeout(resolve, answerLimit, 'silence').unref();
    });
    const line = await Promise.race([this.#lines.next(), silence]);
    if (line === 'silence' || line.done === true)
      throw new CliError(
        'unable',
        "the helper in a container's network namespace ended or does not answer",
        'is the container still running, and is nsenter (util-linux) installed?',
      );
    return JSON.parse(line.value) as ProbeAnswer;
  }

  end(): void {
    this.#child.stdin?.end();
    this.#reader.close();
    this.#child.kill('SIGTERM');
  }
}
