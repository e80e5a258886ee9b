/** What the tests of containers that the daemon has not read of share: senders, and a daemon that finds no engine. */
import { until } from '../../lab/exec.ts';
import { firstCommand, firstImage } from '../../lab/first.ts';
import { freshToken } from '../../lab/probe.ts';
import type { Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import type { Way } from '../packets/backends.ts';
import { type Besieged, besiege, clear, composeFile, idle } from './compose-site.ts';

/** A service that sends to a private host from its first instruction on, 500 packets a second. */
export interface Sender {
  readonly service: { readonly image: string; readonly command: readonly string[] };
  /** How many have arrived. */
  arrived(): Promise<number>;
}

/** The network of `free`, of whom nobody speaks: it stands and is not enrolled. */
export const field = { default: { external: true, name: 'free_default' } };

export const pause = (time: number) => new Promise<void>((resolve) => setTimeout(resolve, time));

/** A site with a daemon that can be made blind. */
export class Strangers {
  readonly site: Site;
  besieged: Besieged;
  readonly #backend: string;

  private constructor(besieged: Besieged, backend: string) {
    this.besieged = besieged;
    this.site = besieged.site;
    this.#backend = backend;
  }

  static async open(way: Way): Promise<Strangers> {
    const besieged = await besiege(way);
    await besieged.site.host.image(firstImage);
    return new Strangers(besieged, way.backend);
  }

  sender(): Sender {
    const token = freshToken();
    const command = firstCommand({ to: [{ to: places.private.v4, port: 9999 }], token, rate: 500, rounds: 60_000 });
    return { service: { image: 'lab/first', command }, arrived: () => this.site.private.observer.count(token) };
  }

  up(project: string, services: object, networks: object = {}) {
    return this.site.host.compose(project, composeFile(services, networks), 'up', '-d');
  }

  /** Somebody on {@link field} who may send and does. */
  async begin(): Promise<void> {
    const first = this.sender();
    await this.up('free', { x: idle, quiet: idle, sending: first.service });
    await this.arrives(first);
  }

  arrives(one: Sender): Promise<true> {
    return until('what may pass arrives', async () => ((await one.arrived()) > 0 ? true : undefined), 15_000);
  }

  /** The daemon finds no engine. */
  async hide(): Promise<void> {
    await this.besieged.relay.hide();
    await this.site.host.compose('poke', composeFile({ x: idle }), 'up', '-d', '--force-recreate');
    await until('the daemon is blind', async () => ((await this.#isBlind()) ? true : undefined));
  }

  async show(): Promise<void> {
    await this.besieged.relay.show();
    await until('the daemon sees', async () => ((await this.#isBlind()) ? undefined : true));
  }

  async #isBlind(): Promise<boolean> {
    return (await this.besieged.daemon.status()).troubles.some(({ code }) => code === 'engine-gone');
  }

  /** Another daemon in place of this one. */
  async restart(): Promise<void> {
    await this.besieged.daemon.kill();
    const args = ['--host', this.besieged.relay.address, '--backend', this.#backend];
    this.besieged = { ...this.besieged, daemon: await this.site.host.daemon({ args, impatient: true }) };
  }

  /** The id of a container of `evil`, whether or not it runs. */
  async idOf(service: string): Promise<string> {
    const label = ['com.docker.compose.project=evil', `com.docker.compose.service=${service}`];
    const filters = encodeURIComponent(JSON.stringify({ label }));
    const list = (await this.site.host.api(`/containers/json?all=1&filters=${filters}`)) as readonly { Id: string }[];
    if (list[0] === undefined) throw new Error(`no container evil/${service}`);
    return list[0].Id;
  }

  async clear(): Promise<void> {
    await this.besieged.relay.show();
    await clear(this.site);
  }
}
