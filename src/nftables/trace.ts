import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Address, formatAddress } from '../ip/address.ts';
import { mustNft, NftError, type RunNft } from './nft.ts';
import {
  beginning,
  ending,
  type Lookout,
  meeting,
  type PathEvent,
  type PathTrace,
  parsePathLine,
  pathTraceOf,
  pathVerdict,
  type WatchedTrace,
  watched,
  watchedTraceOf,
} from './path-trace.ts';
import { parseTraceLine, type TracedVerdict, verdictOf } from './trace-events.ts';
import { placed } from './trace-place.ts';

/** The conversation to trace: its first packet as the container sends it. */
export interface TracedConversation {
  readonly source: Address;
  readonly destination: Address;
  /** IP protocol number. */
  readonly protocol: number;
  /** Source port; for ICMP and ICMPv6 the type in the upper byte, as it lies in the packet. */
  readonly sourcePort: number;
}

/** A spawned `nft -a monitor trace`; the real one by {@link monitorCommand}. */
export type SpawnMonitor = () => ChildProcess;

/** Spawns the `nft` of PATH, in English and UTC, with the handles of rules; its standard error is thrown away. */
export const monitorCommand: SpawnMonitor = () =>
  spawn('nft', ['-a', 'monitor', 'trace'], {
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });

/** The table a live test adds while it runs. */
export const traceTable = 'sluice-trace';

const rules = `		ip saddr . ip daddr . meta l4proto . th sport @probes4 meta nftrace set 1
		ip6 saddr . ip6 daddr . meta l4proto . th sport @probes6 meta nftrace set 1
`;

/** Before everything of ours and of Docker's, after bridge prerouting. */
const structure = `table inet ${traceTable} {
	set probes4 { type ipv4_addr . ipv4_addr . inet_proto . inet_service; }
	set probes6 { type ipv6_addr . ipv6_addr . inet_proto . inet_service; }
	chain prerouting {
		type filter hook prerouting priority -350; policy accept;
${rules}	}
}
`;

/** The same for packets of the host itself, and a chain before and after everybody's at each hook. */
const lookouts = `table inet ${traceTable} {
	chain output {
		type filter hook output priority -350; policy accept;
${rules}	}
${watched
  .flatMap((hook) =>
    [`chain ${beginning}${hook} { type filter hook ${hook} priority -340; }`].concat(
      `chain ${ending}${hook} { type filter hook ${hook} priority 2000000000; }`,
    ),
  )
  .map((line) => `\t${line}\n`)
  .join('')}}
`;

function lookoutsText(lookouts: readonly Lookout[]): string {
  const chains = lookouts.flatMap(({ name, priority, mark }) => {
    const asks = mark === undefined ? '' : `meta mark & ${mark} != 0 `;
    return [
      `chain ${meeting}${name} { }`,
      ...(['forward', 'input'] as const).map(
        (hook) =>
          `chain at-${name}-${hook} { type filter hook ${hook} priority ${priority}; ${asks}jump ${meeting}${name}; }`,
      ),
    ];
  });
  return `table inet ${traceTable} {\n${chains.map((chain) => `\t${chain}\n`).join('')}}\n`;
}

/**
 * Follows single packets through our tables by the kernel's own trace. It adds a table of its own while it is open and
 * takes it away at the end; containers notice nothing.
 */
export class Trace implements AsyncDisposable {
  readonly #run: RunNft;
  readonly #monitor: ChildProcess;
  #lines: string[] = [];
  /** Parts of our table beyond its first. */
  readonly #added = new Set<string>();

  private constructor(run: RunNft, monitor: ChildProcess) {
    this.#run = run;
    this.#monitor = monitor;
    if (monitor.stdout === null) throw new NftError('nft monitor has no output to read');
    createInterface({ input: monitor.stdout }).on('line', (line) => {
      this.#lines.push(line);
    });
  }

  static async open(run: RunNft, monitor: SpawnMonitor = monitorCommand): Promise<Trace> {
    await run(['delete', 'table', 'inet', traceTable]); // of a run that was killed; it may well not be there
    await mustNft(run, ['-f', '-'], structure);
    const child = monitor();
    child.on('error', () => {}); // an nft that cannot run leaves every probe unseen, which is an error there
    return new Trace(run, child);
  }

  /**
   * Traces what `send` sends of the conversation.
   *
   * @param patience how long the trace may take to tell, milliseconds
   */
  async follow(conversation: TracedConversation, send: () => Promise<void>, patience = 1000): Promise<TracedVerdict> {
    const read = () => verdictOf(this.#lines.flatMap((line) => parseTraceLine(line) ?? []));
    await this.#watch(conversation, send, patience, () => read() !== 'not-seen');
    return read();
  }

  /**
   * Follows what `send` sends through everybody's hooks: where it was seen, and what nf_tables' rules made of it. Rules of
   * legacy tables show by where it was seen last: their own trace (xt_TRACE) needs a rule among other people's. Rules that
   * let it pass or stopped it have their places.
   *
   * @param patience how long the trace may take to tell, milliseconds
   */
  async followPath(conversation: TracedConversation, send: () => Promise<void>, patience = 1000): Promise<PathTrace> {
    await this.#add(lookouts);
    const read = () => pathTraceOf(this.#events(), traceTable);
    await this.#watch(conversation, send, patience, () => pathVerdict(read()) !== 'not-seen');
    const trace = read();
    return { ...trace, events: await placed(trace.events, this.#run) };
  }

  /**
   * The same with lookouts of the caller's: who judges in tables that the trace does not tell of may leave a mark, or the packet
   * may be gone behind them.
   *
   * @param isTold whether a trace tells all there is to know, so that nothing need be waited for
   * @param patience how long the trace may take to tell, milliseconds
   */
  async followWith(
    conversation: TracedConversation,
    send: () => Promise<void>,
    lookoutsOfCaller: readonly Lookout[],
    isTold: (trace: WatchedTrace) => boolean,
    patience = 1000,
  ): Promise<WatchedTrace> {
    await this.#add(lookouts);
    await this.#add(lookoutsText(lookoutsOfCaller));
    const read = () => watchedTraceOf(this.#events(), traceTable);
    await this.#watch(conversation, send, patience, () => isTold(read()), 150);
    return read();
  }

  #events(): readonly PathEvent[] {
    return this.#lines.flatMap((line) => parsePathLine(line) ?? []);
  }

  async #add(text: string): Promise<void> {
    if (this.#added.has(text)) return;
    await mustNft(this.#run, ['-f', '-'], text);
    this.#added.add(text);
  }

  async #watch(
    { source, destination, protocol, sourcePort }: TracedConversation,
    send: () => Promise<void>,
    patience: number,
    isSeen: () => boolean,
    silence = 60,
  ): Promise<void> {
    const set = `inet ${traceTable} probes${source.family}`;
    const key = `${formatAddress(source)} . ${formatAddress(destination)} . ${protocol} . ${sourcePort}`;
    await mustNft(this.#run, ['-f', '-'], `flush set ${set}\nadd element ${set} { ${key} }\n`);
    this.#lines = [];
    await send();
    const end = Date.now() + patience;
    // a judged packet's last word may come after its first: settle only on silence
    for (let seen = -1; Date.now() < end && (!isSeen() || seen !== this.#lines.length); ) {
      seen = this.#lines.length;
      await new Promise((resolve) => setTimeout(resolve, silence));
    }
    await mustNft(this.#run, ['flush', 'set', 'inet', traceTable, `probes${source.family}`]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#monitor.kill('SIGTERM');
    await this.#run(['delete', 'table', 'inet', traceTable]);
  }
}
