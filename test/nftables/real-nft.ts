import { BareNetns } from '../../lab/bare-netns.ts';
import { run } from '../../lab/exec.ts';
import { type Engine, engines, ensureRoot } from '../../lab/roots.ts';
import type { RunNft } from '../../src/nftables/nft.ts';

export { type Engine, engines };

/** The real nft of an engine's root, in a network namespace of its own that ends with it, or with this process. */
export class RealNft implements AsyncDisposable {
  readonly #netns: BareNetns;
  readonly run: RunNft;
  /** Path of its network namespace. */
  readonly net: string;

  private constructor(netns: BareNetns, root: string) {
    this.#netns = netns;
    this.net = netns.path;
    const enter = ['nsenter', `--net=${netns.path}`, 'chroot', root, 'nft'];
    this.run = (args, input) => run([...enter, ...args], { input, env: { TZ: 'UTC', LC_ALL: 'C' } });
  }

  static async open(engine: Engine): Promise<RealNft> {
    const root = await ensureRoot(engine);
    return new RealNft(await BareNetns.open(), root);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#netns[Symbol.asyncDispose]();
  }
}
