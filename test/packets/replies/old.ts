import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { until } from '../../../lab/exec.ts';
import type { Packet } from '../../../lab/observer.ts';
import { freshSport } from '../../../lab/probe.ts';
import type { Site } from '../../../lab/site.ts';
import { hostAddress, places } from '../../../lab/world.ts';
import { seatOf } from '../forging.ts';
import { applyPolicy, removePolicy, withoutDockersRules } from '../support.ts';
import { families, flush, kept, lost, naively, now, open, paths, protocols, tight } from './ground.ts';

const conversations = paths.flatMap((path) =>
  families.flatMap((family) => protocols.map((proto) => ({ path, family, proto, name: `${path} ${family} ${proto}` }))),
);
const everyTalk = conversations.map(({ name }) => name);
const unNated = conversations.filter(({ path }) => path === 'routed').map(({ name }) => name);

const talk = (site: Site, port: number) =>
  Promise.all(
    conversations.map(async (each) => {
      const { path, family, proto } = each;
      const sport = freshSport();
      const to = places.internet[family];
      return {
        ...each,
        sport,
        stream: await site.host.stream(`app/${path}`, { proto, to, port, rate: 20, sport, outside: true }),
      };
    }),
  );
type Talk = Awaited<ReturnType<typeof talk>>;
const end = (talks: Talk) => Promise.all(talks.map(async ({ name, stream }) => ({ name, ...(await stream.stop()) })));

/** Of which of these conversations packets arrived after an instant, microseconds since the epoch. */
async function alive(site: Site, talks: Talk, port: number, since: number): Promise<readonly string[]> {
  const packets = await site.internet.seen(({ t, dport }) => t > since && dport === port);
  // masquerade keeps the source port where it is free, so it tells of handshakes, too; a bare reset is the host's own
  const said = packets.filter(({ flags }) => flags !== 'R');
  return talks
    .filter(({ sport, stream }) => said.some((packet) => packet.sport === sport || packet.token === stream.token))
    .map(({ name }) => name);
}

/** Conversations that are older than the policy, the conntrack table or the container that has their addresses. */
export function oldConversations(siteOf: () => Site): void {
  describe('old conversations', () => {
    test('control: a firewall that believes every reply is fooled where there is no NAT', async () => {
      const site = siteOf();
      const talks = await talk(site, lost);
      const began = now() - 60_000_000;
      await until(
        'every conversation',
        async () => (await alive(site, talks, lost, began)).length === talks.length || undefined,
      );
      await naively(
        site,
        (bridges) => `${bridges} meta l4proto { tcp, udp } th dport ${lost} drop`,
        async () => {
          // what was on its way before the rule arrives yet
          await sleep(500);
          const dropped = now();
          await sleep(300);
          expect(await alive(site, talks, lost, dropped)).toEqual([]);
          await withoutDockersRules(site, async () => {
            await flush(site);
            await sleep(800);
            const flushed = now();
            await until('those that are fooled', async () => {
              const names = await alive(site, talks, lost, flushed);
              return unNated.every((name) => names.includes(name)) || undefined;
            });
            await sleep(300);
            expect(await alive(site, talks, lost, flushed)).toEqual(unNated);
          });
        },
      );
      await end(talks);
    });

    test('a forbidden conversation stays dead when its entry expires and after conntrack -F, an allowed one lives', async () => {
      const site = siteOf();
      await applyPolicy(site, open);
      const before = now();
      const [dying, living] = [await talk(site, lost), await talk(site, kept)];
      const began = async (talks: Talk, port: number) =>
        (await alive(site, talks, port, before)).length === everyTalk.length;
      await until(
        'every conversation',
        async () => ((await began(dying, lost)) && (await began(living, kept))) || undefined,
      );

      await applyPolicy(site, tight);
      const tightened = now();
      const inside = await site.host.observer('app/nat');
      await withoutDockersRules(site, async () => {
        await sleep(2500);
        expect(await alive(site, dying, lost, tightened)).toEqual([]);
        // what is pushed to a translated address no longer finds the container; resets are ours, for its new attempts
        const pushed = ({ t, sport, flags }: Packet) =>
          t > tightened + 500_000 && sport === lost && !flags?.includes('R');
        expect(await inside.count(pushed)).toBe(0);
        await flush(site);
        await sleep(500);
        await flush(site);
        await sleep(1500);
        expect(await alive(site, dying, lost, tightened)).toEqual([]);
        const since = now() - 500_000;
        await until(
          'those that are allowed to go on',
          async () => (await alive(site, living, kept, since)).length === everyTalk.length || undefined,
        );
      });
      await end(dying);
      for (const { name, connects, answered } of await end(living)) {
        expect(answered, name).toBeGreaterThan(50);
        // where addresses are translated, the host itself resets what the server pushes into a flushed table
        if (name !== 'nat v4 tcp' && name !== 'nat v6 tcp') expect(connects, name).toBe(1);
      }
    });

    test('what came in through published ports before Sluice lives on, and they serve after conntrack -F', async () => {
      const site = siteOf();
      await removePolicy(site);
      const routed = await seatOf(site, 'app/routed');
      const visits = protocols.flatMap((proto) =>
        families.flatMap((family) => [
          { name: `DNAT ${family} ${proto}`, proto, to: hostAddress[family], port: proto === 'tcp' ? 3000 : 5300 },
          { name: `route ${family} ${proto}`, proto, to: routed[family], port: proto === 'tcp' ? 3000 : 53 },
        ]),
      );
      const visit = () =>
        visits.map(({ name, ...spec }) => ({ name, stream: site.lanClient.stream({ ...spec, rate: 20 }) }));
      const older = visit();
      await sleep(1_500); // a SYN that is lost is repeated after a second
      await applyPolicy(site, tight);
      await sleep(500);
      const late = now() - 200_000;
      // the middle of a TCP connection without DNAT may be one that the container began itself: it has to begin anew
      const going = older.filter(({ name }) => !/^route .* tcp$/.test(name));
      for (const { stream } of older.filter((one) => !going.includes(one))) await stream.stop();
      for (const { name, stream } of going) {
        const { connects, lastAnswer, sent, answered } = await stream.stop();
        expect([connects, lastAnswer > late, sent - answered < 5], name).toEqual([1, true, true]);
      }
      const flushed = visit();
      await sleep(1_500);
      await flush(site);
      await sleep(500);
      const again = visit();
      await sleep(1_500);
      const later = now() - 300_000;
      // a TCP connection that conntrack meets in the middle may be anybody's, so only datagrams go on; all may begin anew
      const served = [...flushed.filter(({ name }) => name.endsWith('udp')), ...again];
      for (const { name, stream } of served) expect((await stream.stop()).lastAnswer, name).toBeGreaterThan(later);
      for (const { stream } of flushed) await stream.stop();
    });

    test('who gets an address of another container does not get its conversations', async () => {
      const site = siteOf();
      await applyPolicy(site, `${open}containers: { fresh: { allow: none } }\n`);
      const talkTo = { to: places.internet.v4, port: kept, proto: 'udp', sport: freshSport() } as const;
      const at = ['--network', 'app_routed', '--ip', '172.21.9.9', '--ip6', 'fd00:172:21::9:9'];
      const run = (name: string, ...more: string[]) =>
        site.host.docker('run', '-d', '--name', name, ...at, ...more, 'lab/app');
      await run('old', '--label', 'com.docker.compose.project=app', '--label', 'com.docker.compose.service=old');
      await applyPolicy(site, `${open}containers: { fresh: { allow: none } }\n`);
      expect((await site.host.probe('old', talkTo)).at).toEqual(['internet']);
      await site.host.docker('rm', '-f', 'old');
      await run('fresh');
      expect((await site.host.probe('fresh', talkTo)).arrived, 'before it is known').toBe(false);
      await applyPolicy(site, `${open}containers: { fresh: { allow: none } }\n`);
      expect((await site.host.probe('fresh', talkTo)).arrived).toBe(false);
      await removePolicy(site);
      const free = await site.host.probe('fresh', talkTo);
      expect(free.arrived, `without Sluice: ${JSON.stringify(free)}`).toBe(true);
      await site.host.docker('rm', '-f', 'fresh');
    });
  });
}
