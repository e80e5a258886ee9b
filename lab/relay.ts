/**
 * A socket between Sluice and the engine: what the engine itself cannot be made to do, it does. Whoever talks through it
 * can be cut off in the middle of an event stream, and find no engine while the engine lives.
 */
import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Cell } from './cell.ts';

const engineSocket = '/run/docker.sock';
const relaySocket = '/run/relay.sock';

export class EngineRelay {
  /** For DOCKER_HOST and `--host`. */
  readonly address = `unix://${relaySocket}`;
  readonly #cell: Cell;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #server: Server | undefined;

  private constructor(cell: Cell) {
    this.#cell = cell;
  }

  /** Opens the relay on a Docker host. */
  static async open(cell: Cell): Promise<EngineRelay> {
    const relay = new EngineRelay(cell);
    await relay.show();
    return relay;
  }

  /** How many connections stand. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Listens; what connects is joined to the engine. */
  async show(): Promise<void> {
    rmSync(this.#cell.path(relaySocket), { force: true });
    const server = createServer((client) => this.#join(client));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#cell.path(relaySocket), resolve);
    });
    this.#server = server;
  }

  /** Ends every connection that stands, and goes on listening. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    this.#pairs.clear();
  }

  /** Ends every connection and takes the socket away. */
  async hide(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.cut();
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
    rmSync(this.#cell.path(relaySocket), { force: true });
  }

  #join(client: Socket): void {
    const engine = connect(this.#cell.path(engineSocket));
    const pair = [client, engine] as const;
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const socket of pair) {
      socket.on('error', end);
      socket.on('close', end);
    }
    client.pipe(engine);
    engine.pipe(client);
  }
}
