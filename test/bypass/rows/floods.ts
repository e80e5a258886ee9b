import { setTimeout as sleep } from 'node:timers/promises';
import * as frames from '../../../lab/frames.ts';
import { freshToken } from '../../../lab/probe.ts';
import { places } from '../../../lab/world.ts';
import { gatewayOf, seatOf, watchAll } from '../../packets/forging.ts';
import type { Row, Sighting } from '../row.ts';
import { byProbes } from '../sightings.ts';

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

export const exhaustion: Row = {
  number: 54,
  title: 'more addresses, MACs and conversations than there is room for',
  tries:
    'Frames of thousands of made-up senders on the own bridge, so that sets, neighbours and conversations overflow and somebody is forgotten.',
  is: {
    state: 'closed',
    attempt: async ({ site }) => {
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
      const at = (await site.private.saw(token)) ? ['private'] : [];
      const after = await byProbes(site, afterwards, ', after it');
      return [{ what: `${who}: frames of ${senders} senders`, at }, ...after];
    },
  },
};
