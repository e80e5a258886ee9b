import { readFileSync } from 'node:fs';
import { firstCommand, readTally } from '../lab/first.ts';
import { freshToken } from '../lab/probe.ts';
import type { Site } from '../lab/site.ts';

const folder = '/srv/intruder';
const perSecond = 250;

/** What an intruder has sent to places that the policy denies, and how much of it got there. */
export interface Loot {
  readonly sent: number;
  readonly arrived: number;
}

/**
 * A service that has been broken into: from its first instruction to its last it sends to a private host, to a database
 * at the site and to the cloud's metadata.
 */
export class Intruder {
  readonly #site: Site;
  readonly #token = freshToken();
  #before: Loot = { sent: 0, arrived: 0 };

  constructor(site: Site) {
    this.#site = site;
    site.host.write(`${folder}/.keep`, '');
  }

  /** The service in the compose file. */
  get service(): Readonly<Record<string, unknown>> {
    const to = this.#targets.map(({ v4 }) => ({ to: v4, port: 4444 }));
    const spec = { to, token: this.#token, rate: perSecond, rounds: 1e9, tally: '/tally/sent' };
    return { image: 'lab/first', command: firstCommand(spec), volumes: [`${folder}:/tally`] };
  }

  get #targets() {
    return [this.#site.private, this.#site.ten, this.#site.metadata];
  }

  /** What came since this was asked last. */
  async loot(): Promise<Loot> {
    const counts = await Promise.all(this.#targets.map(({ observer }) => observer.count(this.#token)));
    const now = { sent: sum(readTally(this.#tally())), arrived: sum(counts) };
    const since = { sent: now.sent - this.#before.sent, arrived: now.arrived - this.#before.arrived };
    this.#before = now;
    return since;
  }

  #tally(): Uint8Array {
    return readFileSync(this.#site.host.cell.path(`${folder}/sent`));
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
