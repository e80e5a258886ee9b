import * as frames from '../../../lab/frames.ts';
import { freshToken } from '../../../lab/probe.ts';
import type { Site } from '../../../lab/site.ts';
import { hostAddress, places } from '../../../lab/world.ts';
import { type Forgery, forgedUdp, gatewayOf, seatOf } from '../../packets/forging.ts';
import type { Row } from '../row.ts';
import { byFrames } from '../sightings.ts';

const families = ['v4', 'v6'] as const;
const who = 'app/elasticsearch';

/** Rules inside the container that let its kernel send nothing. */
const nothingOut = 'table inet inner { chain out { type filter hook output priority 0; policy drop; }; }';

async function within(site: Site, command: readonly string[], input = ''): Promise<void> {
  const done = await site.host.inNetworkOf(who, command, { input });
  if (done.code !== 0) throw new Error(`${command.join(' ')} in ${who}: ${done.stderr}`);
}

/** True frames of its own: its MAC, its addresses. */
async function ownFrames(site: Site): Promise<readonly Forgery[]> {
  const [self, peer] = [await seatOf(site, who), await seatOf(site, 'app/mongo')];
  const gateway = await gatewayOf(site, 'app_default');
  return families.flatMap((family) =>
    [
      { name: 'the internet', to: gateway.mac, dst: places.internet[family] },
      { name: 'a private host', to: gateway.mac, dst: places.private[family] },
      { name: 'the host', to: gateway.mac, dst: hostAddress[family] },
      { name: 'a neighbour', to: peer.mac, dst: peer[family] },
    ].flatMap(({ name, to, dst }): readonly Forgery[] => {
      const token = freshToken();
      const ends = { src: self[family], dst, sport: 5556, dport: 80 };
      const at = { from: self.mac, to, type: frames.etherType(dst) };
      return [
        forgedUdp(`a datagram to ${name}, ${family}`, { from: self.mac, to, src: self[family], dst }),
        {
          name: `a segment with data to ${name}, ${family}`,
          token,
          frame: frames.ethernet(at, frames.tcp({ ...ends, flags: 'S' }, token)),
        },
      ];
    }),
  );
}

export const packetSocket: Row = {
  number: 35,
  title: 'frames past the container’s own rules',
  tries:
    "AF_PACKET sends below the hooks of the container's namespace: rules in there, which drop everything here, never see it.",
  is: {
    state: 'closed',
    prepare: async ({ site }) => {
      await within(site, ['nft', '-f', '-'], nothingOut);
      const ordinary = await site.host.probe(who, { to: places.internet.v4, port: 53, proto: 'udp', timeout: 200 });
      if (ordinary.arrived) throw new Error('the rules inside stop nothing');
      return () => within(site, ['nft', 'delete', 'table', 'inet', 'inner']);
    },
    attempt: async ({ site }) => byFrames(site, who, await ownFrames(site)),
  },
};
