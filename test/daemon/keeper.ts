import { createInterface } from 'node:readline';
import { until } from '../../lab/exec.ts';
import { checkout } from '../../lab/host.ts';
import type { Site } from '../../lab/site.ts';
import type { FromGuard } from '../../src/daemon/guard/protocol.ts';

type Said = FromGuard | { readonly kind: 'done'; readonly word: string } | { readonly kind: 'stopped' };
export type SeatedMessage = Extract<FromGuard, { kind: 'seated' }>;

/** The guard on a lab's host, with the least of a main thread (inside/keep.ts). */
export class Keeper implements AsyncDisposable {
  /** Everything it has said, oldest first. */
  readonly said: Said[] = [];
  readonly #process: ReturnType<Site['host']['spawn']>;
  #errors = '';

  private constructor(site: Site, policy: string) {
    const folder = '/opt/checkout';
    site.host.write('/etc/sluice/policy.yaml', policy);
    const node = `${folder}/node_modules/.bin/node`;
    this.#process = site.host.spawn([node, `${folder}/test/daemon/inside/keep.ts`, '/etc/sluice/policy.yaml']);
    this.#process.stderr.on('data', (data: Buffer) => {
      this.#errors += data;
    });
    createInterface({ input: this.#process.stdout }).on('line', (line) => this.said.push(JSON.parse(line) as Said));
  }

  /** @param site on which it may run before and after, but not twice at a time */
  static async open(site: Site, policy: string): Promise<Keeper> {
    await site.host.bind(checkout, '/opt/checkout');
    const keeper = new Keeper(site, policy);
    await keeper.#until('the guard', () => keeper.said.some(({ kind }) => kind === 'ready') || undefined);
    return keeper;
  }

  /** Says a word and waits until it is done. */
  async tell(word: 'apply' | 'seats' | 'measure' | `look ${string}`): Promise<void> {
    const before = this.said.length;
    this.#process.stdin.write(`${word}\n`);
    await this.#until(word, () => this.said.slice(before).some(({ kind }) => kind === 'done') || undefined);
  }

  /** The next message of a kind, from `start` on (a length of `said`), that fits. */
  async next<Kind extends Said['kind']>(
    kind: Kind,
    start = 0,
    fits: (message: Extract<Said, { kind: Kind }>) => boolean = () => true,
  ): Promise<Extract<Said, { kind: Kind }>> {
    const isIt = (message: Said): message is Extract<Said, { kind: Kind }> =>
      message.kind === kind && fits(message as Extract<Said, { kind: Kind }>);
    return this.#until(`${kind} of the guard`, () => this.said.slice(start).find(isIt));
  }

  /** The message that somebody was seated. */
  seated(container: string, start = 0): Promise<SeatedMessage> {
    return this.next('seated', start, ({ seated }) => seated.container === container);
  }

  #until<T>(what: string, probe: () => T | undefined): Promise<T> {
    return until(what, () => {
      if (this.#errors !== '') throw new Error(this.#errors);
      return probe();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin.end();
    await this.#until('the end of the guard', () => (this.#process.exitCode === null ? undefined : true));
  }
}
