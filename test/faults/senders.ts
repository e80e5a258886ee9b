/** Senders whose packets are counted at both ends, while something happens to the host. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readTally } from '../../lab/first.ts';
import type { Observer } from '../../lab/observer.ts';
import type { Site } from '../../lab/site.ts';
import { placeNames } from '../../lab/world.ts';

/** Packets a second of each sender: more than the 200 that must be sent at least, whatever the machine is doing. */
export const rate = 250;

/** What became of one stream. */
export interface Outcome {
  readonly name: string;
  readonly permitted: boolean;
  /**
   * `steady`: of a container that nothing but the engine touches. `churn`: of one that the fault itself may stop. `own`: of
   * those that the fault starts.
   */
  readonly sender: 'steady' | 'churn' | 'own';
  readonly sent: number;
  readonly arrived: number;
}

/** A stream that runs. */
export interface Flow {
  readonly name: string;
  readonly permitted: boolean;
  readonly sender: Outcome['sender'];
  /** Ends it; how many packets the kernel took from it. */
  end(): Promise<number>;
  /** How many have arrived by now. */
  arrived(): Promise<number>;
  /** The same where an observer has overlooked some: so many at least. */
  arrivedAtLeast(): number;
}

/** Where a steady stream goes. */
export interface Course {
  readonly name: string;
  readonly permitted: boolean;
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly at: Observer;
}

/** A stream from a container's network, sent from outside of it: it outlives the engine. */
export async function steadyFlow(site: Site, course: Course): Promise<Flow> {
  const { at, from, name, permitted, port, to } = course;
  const stream = await site.host.stream(from, { proto: 'udp', to, port, rate, outside: true, seconds: 3600 });
  return {
    name,
    permitted,
    sender: 'steady',
    end: async () => (await stream.stop()).sent,
    arrived: () => at.count(stream.token),
    arrivedAtLeast: () => at.sawAtLeast(stream.token),
  };
}

/** Both streams of containers whose program is `first`: to `allowed` and to `denied`, numbered by their tallies in `folder`. */
export function tallied(
  site: Site,
  spec: { readonly name: string; token: string; folder: string; allowed: Observer },
): readonly [Flow, Flow] {
  const { allowed, folder, name, token } = spec;
  const sent = (index: number) => tallies(site, folder, name)[index] ?? 0;
  const others = placeNames.map((place) => site.far(place).observer).filter((observer) => observer !== allowed);
  const flow = (permitted: boolean, index: number, observers: readonly Observer[]): Flow => ({
    name: `${name}, ${permitted ? 'allowed' : 'denied'}`,
    permitted,
    sender: 'churn',
    end: async () => sent(index),
    arrived: async () => sumOf(await Promise.all(observers.map((observer) => observer.count(token)))),
    arrivedAtLeast: () => sumOf(observers.map((observer) => observer.sawAtLeast(token))),
  });
  return [flow(true, 0, [allowed]), flow(false, 1, others)];
}

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

/** The sums of all tallies of a name in a folder of the host, by target. */
function tallies(site: Site, folder: string, name: string): readonly number[] {
  const machine = site.host.cell.path(folder);
  if (!existsSync(machine)) return [];
  const sums = [0, 0, 0, 0];
  for (const file of readdirSync(machine)) {
    if (file !== name && !file.startsWith(`${name}.`)) continue;
    for (const [index, count] of readTally(readFileSync(`${machine}/${file}`)).entries())
      sums[index] = (sums[index] ?? 0) + count;
  }
  return sums;
}

/** Ends all streams and counts. */
export async function outcomes(flows: readonly Flow[]): Promise<readonly Outcome[]> {
  const sent = await Promise.all(flows.map((flow) => flow.end()));
  await sleep(150); // what is on its way
  return Promise.all(
    flows.map(async (flow, index) => ({
      name: flow.name,
      permitted: flow.permitted,
      sender: flow.sender,
      sent: sent[index] ?? 0,
      arrived: await flow.arrived(),
    })),
  );
}

/** The share of what was sent that did not arrive. */
export const lost = ({ arrived, sent }: Outcome): number => (sent === 0 ? 0 : (sent - arrived) / sent);
