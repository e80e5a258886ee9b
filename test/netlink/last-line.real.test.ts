import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { ended, until } from '../../lab/exec.ts';
import { checkout } from '../../lab/host.ts';
import { type Guarded, lastLineTable } from '../../src/netlink/last-line.ts';
import { engines, RealNft } from '../nftables/real-nft.ts';

/** A process that holds the last line. */
class Holder implements AsyncDisposable {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  constructor(net: string) {
    const program = [join(checkout, 'node_modules/.bin/node'), join(checkout, 'test/netlink/inside/last-line.ts')];
    this.#process = spawn('nsenter', [`--net=${net}`, ...program]);
    this.#process.stderr.pipe(process.stderr);
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async hold(guarded: Guarded): Promise<string> {
    this.#process.stdin.write(`${JSON.stringify(guarded)}\n`);
    return (await this.#answers.next()).value as string;
  }

  /** Ends it without a word, as a crash does. */
  async kill(): Promise<void> {
    const exit = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await ended(this.#process);
  }
}

const rules = [
  'meta mark & 0x20000000 == 0x00000000 iifname @strict meta mark set meta mark | 0x80000000',
  'meta mark & 0xa0000000 != 0x00000000 iifname @enrolled counter packets 0 bytes 0 drop',
];

test.each(engines)(
  'on the nft beside engine %s the last line outlives every flush, is nobody else’s to change, and ends with its owner',
  async (engine) => {
    await using nft = await RealNft.open(engine);
    await using holder = new Holder(nft.net);
    expect(await nft.run(['add', 'table', 'inet', lastLineTable])).toMatchObject({ code: 0 });
    expect(await holder.hold({ strict: [], enrolled: [] })).toBe('taken');
    expect(await nft.run(['delete', 'table', 'inet', lastLineTable])).toMatchObject({ code: 0 });
    expect(await holder.hold({ strict: ['br-one', 'br-two'], enrolled: ['br-one', 'br-two', 'docker0'] })).toBe('true');
    const standing = async () => (await nft.run(['list', 'ruleset'])).stdout;
    const whole = await standing();
    expect(whole).toContain(`table inet ${lastLineTable} {`);
    expect(whole).toContain('flags owner');
    expect(whole).toMatch(/elements = \{ "br-(one|two)",\s*"br-(one|two)" \}/);
    const lines = whole.split('\n').map((line) => line.trim());
    // what an nft calls the bits of a mark is its own
    for (const rule of rules) expect(lines.map(plain), whole).toContain(plain(rule));

    expect(await nft.run(['add', 'table', 'inet', 'other'])).toMatchObject({ code: 0 });
    expect(await nft.run(['flush', 'ruleset'])).toMatchObject({ code: 0 });
    expect(await standing()).toBe(whole);
    for (const change of ['delete table', 'flush table', 'add chain'])
      expect(
        (await nft.run([...change.split(' '), 'inet', lastLineTable, ...(change === 'add chain' ? ['c'] : [])])).code,
      ).not.toBe(0);
    expect(await standing()).toBe(whole);

    expect(await holder.hold({ strict: [], enrolled: ['docker0'] })).toBe('true');
    const narrowed = await standing();
    expect(narrowed).toContain('elements = { "docker0" }');
    expect(narrowed).not.toContain('br-one');

    await holder.kill();
    await until('the end of its table', async () => ((await standing()) === '' ? true : undefined));
  },
);

/** A rule without what versions of nft write differently. */
const plain = (rule: string): string => rule.replaceAll(/0x0*([0-9a-f]+)/g, '0x$1').replaceAll(/[()]/g, '');
