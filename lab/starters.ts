/** Containers whose very first instruction sends one packet that the policy allows and one that it denies. */
import { setTimeout as sleep } from 'node:timers/promises';
import { firstCommand } from './first.ts';
import type { Packet } from './observer.ts';
import { freshToken } from './probe.ts';
import type { Site } from './site.ts';

/** The project they belong to, its only service, and its network. */
export const starters = { project: 'starter', service: 'one', network: 'starter_default' } as const;
/** What a policy says of them. */
export const startersPolicy = '{ allow: ["internet:1-65535/udp"] }';
/** Rounds a second, so that of a start whose first packet was lost it is told how late the next came. */
const rate = 250;
/** Rounds: a fifth of a second. */
export const few = 50;

/** What became of one start. */
export interface Start {
  readonly container: string;
  /** Its address on the network. */
  readonly address: string;
  /** Number of the first allowed packet that arrived; null: none did. */
  readonly first: number | null;
  /** When the first instruction sent (microseconds since the epoch); null when that cannot be told. */
  readonly began: number | null;
  readonly denied: readonly Packet[];
}

export async function makeNetwork(site: Site): Promise<void> {
  const label = `com.docker.compose.project=${starters.project}`;
  await site.host.docker('network', 'create', '--label', label, starters.network);
}

/**
 * Creates `many` of them, to send so many rounds. Half send what is allowed first, half what is denied.
 *
 * @param since how many have been created before: whose turn it is
 */
export async function create(
  site: Site,
  many: number,
  rounds = few,
  since = 0,
): Promise<readonly { id: string; token: string }[]> {
  const targets = [site.internet.v4, site.private.v4].map((to) => ({ to, port: 4000 }));
  const labels = {
    'com.docker.compose.project': starters.project,
    'com.docker.compose.service': starters.service,
    'com.docker.compose.container-number': '1',
    'com.docker.compose.oneoff': 'False',
  };
  return inParallel(many, async (number) => {
    const token = freshToken();
    const to = (since + number) % 2 === 0 ? targets : targets.toReversed();
    const made = (await site.host.api('/containers/create', 'POST', {
      Image: 'lab/first',
      Cmd: firstCommand({ to, token, rate, rounds }),
      Labels: labels,
      HostConfig: { NetworkMode: starters.network },
    })) as { Id: string };
    return { id: made.Id, token };
  });
}

/** Of hundreds at once, the engine answers the last after half a minute. */
export const start = (site: Site, id: string): Promise<unknown> =>
  site.host.api(`/containers/${id}/start`, 'POST', undefined, 300_000);

/** What of a started container has arrived, some time after its start. */
export async function outcome(site: Site, { id, token }: { id: string; token: string }): Promise<Start> {
  const inspect = (await site.host.api(`/containers/${id}/json`)) as {
    NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
  };
  const allowed = await site.internet.seen(token);
  const [earliest] = allowed.toSorted((a, b) => (a.n ?? 0) - (b.n ?? 0));
  const first = earliest?.n ?? null;
  return {
    container: id.slice(0, 12),
    address: inspect.NetworkSettings.Networks[starters.network]?.IPAddress ?? '',
    first,
    began: earliest?.sent === undefined || first === null ? null : earliest.sent - (first * 1e6) / rate,
    denied: [...(await site.private.seen(token)), ...(await site.ten.seen(token))],
  };
}

/** An IPv4 address as it stands in an element's key, in hexadecimal. */
export function keyOf(address: string): string {
  return address
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('');
}

/** Waits until a started container has sent all it will send. */
export const finished = (rounds = few): Promise<void> => sleep((1000 * rounds) / rate + 100);

export async function remove(site: Site, ids: readonly string[]): Promise<void> {
  await inParallel(ids.length, (number) => site.host.api(`/containers/${ids[number]}?force=1`, 'DELETE'));
}

/** Runs `work` for 0 to many - 1, some at a time; the results in order. */
export async function inParallel<T>(many: number, work: (number: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    while (next < many) {
      const number = next++;
      results[number] = await work(number);
    }
  };
  await Promise.all(Array.from({ length: Math.min(12, many) }, worker));
  return results;
}
