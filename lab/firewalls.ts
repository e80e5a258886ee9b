/** firewalld and ufw, Debian's own, really running in a Docker host's network, from a root of their own. */
import { rmSync, symlinkSync } from 'node:fs';
import { Cell } from './cell.ts';
import { type Finished, until } from './exec.ts';
import { ensureRoot } from './roots.ts';
import { removeCgroups } from './sweep.ts';

/** firewalld's two ways to hold its rules. */
export type FirewallBackend = 'nftables' | 'iptables';

const theirs = 'host';

/**
 * The host's other firewalls. Their files are not the host's: what they share with it is the network, which is what they
 * change. firewalld does not hear of the engine, nor the engine of it, for they have no D-Bus in common: what the engine
 * tells it (its bridges are in a zone that accepts) is written in its files.
 */
export class Firewalls implements AsyncDisposable {
  readonly #cell: Cell;
  #firewalld: ReturnType<Cell['spawn']> | null = null;
  #log = '';

  private constructor(cell: Cell) {
    this.#cell = cell;
  }

  /** @param host whose network they get */
  static async open(host: Cell): Promise<Firewalls> {
    const cell = await Cell.open(await ensureRoot('firewalls'), 'firewalls', host.tools);
    const link = cell.path(`/run/netns/${theirs}`);
    rmSync(link, { force: true });
    symlinkSync(`/proc/${host.pid}/ns/net`, link); // opened from outside the cell
    const firewalls = new Firewalls(cell);
    // ufw reads and writes these; a cell's root may belong to anybody
    await firewalls.must(['mkdir', '-p', '/run/dbus', '/run/firewalld', '/run/lock']);
    return firewalls;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cell.stop();
    await removeCgroups([this.#cell.name]);
  }

  run(command: readonly string[]): Promise<Finished> {
    return this.#cell.run(command, { netns: theirs, timeout: 120_000 });
  }

  must(command: readonly string[]): Promise<string> {
    return this.#cell.must(command, { netns: theirs, timeout: 120_000 });
  }

  /** Writes its configuration; it is not running then. */
  configureFirewalld(backend: FirewallBackend, bridges: readonly string[]): void {
    const conf = this.#cell.read('/etc/firewalld/firewalld.conf');
    this.#cell.write(
      '/etc/firewalld/firewalld.conf',
      conf.replace(/^FirewallBackend=.*$/m, `FirewallBackend=${backend}`),
    );
    // as the engine has it made (moby daemon/libnetwork/iptables/firewalld.go: zone docker, target ACCEPT)
    const interfaces = bridges.map((name) => `  <interface name="${name}"/>\n`).join('');
    this.#cell.write(
      '/etc/firewalld/zones/docker.xml',
      `<zone target="ACCEPT">\n  <short>docker</short>\n${interfaces}</zone>\n`,
    );
  }

  /** Starts firewalld, with the bus it needs, and waits until it says that it runs. */
  async startFirewalld(): Promise<void> {
    if ((await this.run(['pgrep', '-x', 'dbus-daemon'])).code !== 0)
      await this.must(['dbus-daemon', '--system', '--fork']);
    const firewalld = this.#cell.spawn(['firewalld', '--nofork', '--nopid'], { netns: theirs });
    firewalld.stdin.end();
    for (const stream of [firewalld.stdout, firewalld.stderr])
      stream.on('data', (data: Buffer) => {
        this.#log = (this.#log + data).slice(-20_000);
      });
    this.#firewalld = firewalld;
    await until(
      'firewalld',
      async () => {
        if (firewalld.exitCode !== null) throw new Error(`firewalld ended: ${this.#log.slice(-3000)}`);
        return (await this.run(['firewall-cmd', '--state'])).code === 0 ? true : undefined;
      },
      120_000,
      200,
    );
  }

  /** Ends it as its service does, and waits. */
  async stopFirewalld(): Promise<void> {
    const firewalld = this.#firewalld;
    if (firewalld === null) return;
    firewalld.kill('SIGTERM');
    await until(
      'the end of firewalld',
      () => firewalld.exitCode !== null || firewalld.signalCode !== null || undefined,
    );
    this.#firewalld = null;
  }
}
