/** Traffic that flows while rules change: some that is allowed, some that is denied. */
import { expect } from 'vitest';
import type { Observer } from '../../lab/observer.ts';
import type { Site } from '../../lab/site.ts';
import type { Stream } from '../../lab/stream.ts';
import { places } from '../../lab/world.ts';
import { seatOf } from './forging.ts';

export const policy = `version: 1
projects:
  app:
    allow: none
    services:
      app: { allow: [service/mongo, internet] }
`;

const from = 'app/app';

interface Flow {
  readonly stream: Stream;
  readonly at: Observer;
}

/** Who may and who may not, outside and between neighbours, at 200 packets a second each. */
export async function flows(site: Site): Promise<Record<'allowed' | 'denied', readonly Flow[]>> {
  const [mongo, elasticsearch] = [await seatOf(site, 'app/mongo'), await seatOf(site, 'app/elasticsearch')];
  const flow = async (to: string, at: Observer): Promise<Flow> => ({
    stream: await site.host.stream(from, { proto: 'udp', to, port: 9200, outside: true }),
    at,
  });
  const inside = (who: string) => site.host.observer(who);
  return {
    allowed: await Promise.all([
      flow(places.internet.v4, site.internet.observer),
      flow(mongo.v6, await inside('app/mongo')),
    ]),
    denied: await Promise.all([
      flow(places.private.v4, site.private.observer),
      flow(elasticsearch.v4, await inside('app/elasticsearch')),
    ]),
  };
}

export async function expectNoWindow(one: Record<'allowed' | 'denied', readonly Flow[]>): Promise<void> {
  for (const { stream, at } of one.denied) {
    expect((await stream.stop()).sent).toBeGreaterThan(200);
    expect(await at.count(stream.token)).toBe(0);
  }
  for (const { stream } of one.allowed) {
    const { sent, answered } = await stream.stop();
    expect(sent).toBeGreaterThan(200);
    expect(sent - answered).toBeLessThanOrEqual(Math.max(1, 0.002 * sent));
  }
}
