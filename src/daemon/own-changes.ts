import { commandStarter } from '../iptables/command.ts';
import { ReadyCommands } from '../iptables/ready-commands.ts';
import { nftSpawner, type RunNft } from '../nftables/nft.ts';

/** How long a change may take to be told after the nft that made it has ended, milliseconds. */
const memory = 60_000;

/**
 * Runs nft and remembers its processes: libnftables leaves the choice of its netlink port id to the kernel, which takes
 * the process id (net/netlink/af_netlink.c, netlink_autobind). So the kernel's notice of a change tells ours apart.
 */
export class OwnChanges implements Disposable {
  readonly #children = new Map<number, number>();
  readonly run: RunNft = nftSpawner((pid) => this.#note(pid));
  /** The same of iptables' commands, which are nft's in this. */
  readonly commands = new ReadyCommands(commandStarter((pid) => this.#note(pid)));

  [Symbol.dispose](): void {
    this.commands[Symbol.dispose]();
  }

  #note(pid: number): () => void {
    this.#forget(); // here, too: with tables of which the kernel tells nobody no one ever asks
    this.#children.set(pid, Number.POSITIVE_INFINITY);
    return () => this.#children.set(pid, performance.now() + memory);
  }

  /** Whether the owner of a netlink port id is, or was until a moment ago, an nft that we started. */
  has(portId: number): boolean {
    this.#forget();
    return this.#children.has(portId);
  }

  /** How many processes are remembered. */
  get remembered(): number {
    return this.#children.size;
  }

  #forget(): void {
    for (const [pid, end] of this.#children) if (end < performance.now()) this.#children.delete(pid);
  }
}
