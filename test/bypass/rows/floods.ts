import { setTimeout as sleep } from 'node:timers/promises';
import * as frames from '../../../lab/frames.ts';
import { freshToken } from '../../../lab/probe.ts';
import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import { type Forgery, gatewayOf, seatOf, watchAll } from '../../packets/forging.ts';
import type { Attempt } from '../../packets/support.ts';
import type { Prepare, Row, Sighting } from '../row.ts';
import { byFrames, byProbes } from '../sightings.ts';

const who = 'app/elasticsearch';
const afterwards = [{ from: who, to: places.internet.v4, port: 443 }];

export const backpressure: Row = {
  number: 50,
  title: 'a flood of what is denied',
  tries:
    'Some thousand conversations a second that are denied and counted: a verdict or a log in user space would give way.',
  is: {
    state: 'closed',
    attempt: async ({ site }) => {
      const { v4, v6 } = places.private;
      const streams = [
        await site.host.stream(who, { proto: 'udp', to: v4, port: 514, rate: 2_000, fresh: true }),
        await site.host.stream(who, { proto: 'udp', to: v6, port: 514, rate: 2_000 }),
      ];
      await sleep(2_000);
      const during = await byProbes(site, afterwards, ', during the flood');
      for (const stream of streams) await stream.stop();
      const seen = await Promise.all(
        streams.map(async ({ token }, index): Promise<Sighting> => {
          const what = `${who} → ${index === 0 ? v4 : v6}:514/udp, a flood`;
          return { what, at: (await site.private.saw(token)) ? ['private'] : [] };
        }),
      );
      return [...seen, ...during];
    },
  },
};

/** More senders than any set of ours has room for by mistake. */
const senders = 4_096;

/** Frames of made-up senders on the own bridge. */
async function crowd(site: Site): Promise<Sighting> {
  const gateway = await gatewayOf(site, 'app_default');
  const { mac: own } = await seatOf(site, who);
  const token = freshToken();
  const made = Array.from({ length: senders }, (_, number) => {
    const [high, low] = [(number >> 8) + 16, number & 255];
    const hex = [high, low].map((part) => part.toString(16).padStart(2, '0')).join(':');
    // every second one with the own MAC: the bridge forgets nothing of those
    const from = number % 2 === 0 ? own : `02:42:ac:99:${hex}`;
    const ends = { src: `172.20.${high}.${low}`, dst: places.private.v4, sport: 1024 + number, dport: 514 };
    return frames.ethernet({ from, to: gateway.mac, type: 0x0800 }, frames.udp(ends, token));
  });
  await watchAll(site);
  await site.host.sendFrames(who, made);
  return { what: `${who}: frames of ${senders} senders`, at: (await site.private.saw(token)) ? ['private'] : [] };
}

/** Entries of conntrack's table, and how many there may be: the machine's limit, which each network namespace has by itself. */
async function room({ host }: Site): Promise<{ readonly count: number; readonly max: number }> {
  const read = async (what: string) => Number(await host.must(['cat', `/proc/sys/net/netfilter/nf_conntrack_${what}`]));
  return { count: await read('count'), max: await read('max') };
}

/** Fills the table but for a few entries with conversations that nobody answers, each for ten minutes. */
const fill: Prepare = async ({ site }) => {
  const { count, max } = await room(site);
  const entry = (number: number) => {
    const from = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
    return `-A -s ${from} -d 203.0.113.1 -r 203.0.113.1 -q ${from} -p udp --sport 1 --dport 1 --reply-port-src 1 --reply-port-dst 1 -t 600\n`;
  };
  site.host.write('/run/flows', Array.from({ length: max - count - spare }, (_, number) => entry(number)).join(''));
  await site.host.must(['conntrack', '-R', '/run/flows'], { timeout: 240_000 });
  return () => site.host.must(['conntrack', '-F']);
};
/** Left free by {@link fill}: it is refused when it meets a full table, packets are not. */
const spare = 200;

/**
 * Takes what is left of the table with conversations of the host's own. When there is no more the kernel forgets one that
 * nobody has answered for each new one.
 */
async function takeTheRest(site: Site): Promise<void> {
  const stream = await site.host.stream('host', {
    proto: 'udp',
    to: places.internet.v4,
    port: 9999,
    rate: 1_000,
    fresh: true,
  });
  await sleep(1_000);
  await stream.stop();
  const { count, max } = await room(site);
  // of what was there before some expires at any time
  if (count < max - spare / 2) throw new Error(`the table of conversations is not full: ${count} of ${max}`);
}

/** New conversations, and packets that look like the middle of one or like an answer. */
async function intoTheFullTable(site: Site): Promise<readonly Sighting[]> {
  const note = ', the table full';
  const { v4, v6 } = places.internet;
  const anew = [v4, v6].flatMap((to): readonly Attempt[] => [
    { from: who, to, port: 443 },
    { from: who, to, port: 443, proto: 'udp' },
    { from: who, to, proto: 'icmp' },
  ]);
  const [own, gateway] = [await seatOf(site, who), await gatewayOf(site, 'app_default')];
  const pretended = (['v4', 'v6'] as const).flatMap((family) =>
    (['A', 'PA'] as const).map((flags, index): Forgery => {
      const token = freshToken();
      const ends = { src: own[family], dst: places.private[family], sport: 45_000 + index, dport: 22 };
      const type = frames.etherType(ends.src);
      const inner = frames.tcp({ ...ends, flags, seq: 1_000, ack: 2_000 }, token);
      return {
        name: `the middle of a TCP conversation (${flags}) to ${ends.dst}${note}`,
        token,
        frame: frames.ethernet({ from: own.mac, to: gateway.mac, type }, inner),
      };
    }),
  );
  return [...(await byProbes(site, anew, note)), ...(await byFrames(site, who, pretended))];
}

export const exhaustion: Row = {
  number: 54,
  title: 'more addresses, MACs and conversations than there is room for',
  tries:
    "Frames of thousands of made-up senders on the own bridge, and conntrack's table full to its last entry, so that sets, neighbours and conversations overflow and somebody is forgotten. What is allowed passes meanwhile: the kernel forgets whom nobody answers.",
  is: {
    state: 'closed',
    prepare: fill,
    attempt: async ({ site }) => {
      await takeTheRest(site);
      const sent = [...(await intoTheFullTable(site)), await crowd(site)];
      return [...sent, ...(await byProbes(site, afterwards, ', after it'))];
    },
  },
};
