import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { firstImage } from '../lab/first.ts';
import { checkout } from '../lab/machine.ts';
import type { Site } from '../lab/site.ts';
import { attempts, type Result } from './attempts.ts';
import { Intruder } from './intruder.ts';

/** Text of one of the article's files. */
export const example = (name: string): string => readFileSync(join(checkout, 'examples/article', name), 'utf8');

/** The article's project on the Docker host, with an intruder in it. */
export class Project {
  readonly intruder: Intruder;
  readonly #site: Site;
  #third = 20;

  constructor(site: Site) {
    this.#site = site;
    this.intruder = new Intruder(site);
  }

  async start(): Promise<void> {
    await this.#site.host.image(firstImage);
    await this.compose('up', '-d');
  }

  compose(...args: string[]): Promise<string> {
    return this.#site.host.compose('app', this.#file(), ...args);
  }

  /** Takes it down and brings it up on another subnet, which is another bridge, too. */
  async move(): Promise<void> {
    await this.compose('down', '-t', '0');
    this.#third++;
    await this.compose('up', '-d');
  }

  /** The article's compose file, with an image for each service, since no registry is needed, and a fixed subnet. */
  #file(): string {
    const file = parse(example('docker-compose.yml')) as { services: Record<string, Record<string, unknown>> };
    for (const service of Object.values(file.services)) service['image'] = 'lab/app';
    file.services['intruder'] = this.intruder.service;
    const ipam = { config: [{ subnet: `172.${this.#third}.0.0/16` }] };
    return stringify({ ...file, networks: { default: { ipam } } });
  }

  /** Tries everything at once. */
  async tryEverything(): Promise<readonly Result[]> {
    const { host, lanClient } = this.#site;
    const mongo = (await host.container('app/mongo')).addresses[0]?.v4;
    if (mongo === undefined) throw new Error('mongo has no address');
    const list = attempts({ mongo, gateway: `172.${this.#third}.0.1` });
    const inside = list.filter(({ from }) => from === 'app/app');
    const outside = list.filter(({ from }) => from !== 'app/app');
    const probes = [
      ...(await host.probeMany(inside.map(({ spec, from }) => ({ ...spec, from })))),
      ...(await lanClient.probeMany(outside.map(({ spec }) => spec))),
    ];
    const ordered = [...inside, ...outside];
    return list.map((attempt) => ({ attempt, probe: probes[ordered.indexOf(attempt)] as Result['probe'] }));
  }
}
