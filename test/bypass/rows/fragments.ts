import * as frames from '../../../lab/frames.ts';
import { freshToken } from '../../../lab/probe.ts';
import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import { gatewayOf, seatOf, watchAll } from '../../packets/forging.ts';
import type { Attempt } from '../../packets/support.ts';
import type { Held, Row, Sighting } from '../row.ts';

const families = ['v4', 'v6'] as const;
const who = 'app/elasticsearch';

/** A port of the internet is allowed: fragments but the first do not say which port they are for. */
const onePort: Held = {
  policy: `version: 1
projects:
  app: { allow: ["internet:53/udp"] }
`,
  allowed: families.map((family): Attempt => ({ from: who, to: places.internet[family], port: 53, proto: 'udp' })),
};

/** Where a datagram of 3000 bytes is cut, bytes of its IP payload; the first cut leaves the header of UDP alone. */
const cuts = { 'cut in three': [1200, 2400], 'cut behind the header': [8, 1400, 2400] } as const;

/** The fragments of an IPv4 packet or, with the extension header of RFC 8200 section 4.5, of an IPv6 one. */
function fragmentsOf(whole: Uint8Array, at: readonly number[], id: number): readonly Uint8Array[] {
  const isV6 = (whole[0] ?? 0) >> 4 === 6;
  const header = whole.slice(0, isV6 ? 40 : 20);
  const payload = whole.slice(header.length);
  const starts = [0, ...at];
  return starts.map((start, index) => {
    const part = payload.slice(start, starts[index + 1]);
    const more = index < at.length ? 1 : 0;
    if (isV6) {
      const head = Uint8Array.from(header);
      new DataView(head.buffer).setUint16(4, 8 + part.length);
      const extension = new DataView(new ArrayBuffer(8));
      extension.setUint8(0, head[6] ?? 0);
      extension.setUint16(2, start | more);
      extension.setUint32(4, id);
      head[6] = 44;
      return Uint8Array.from([...head, ...new Uint8Array(extension.buffer), ...part]);
    }
    const head = Uint8Array.from(header);
    const view = new DataView(head.buffer);
    view.setUint16(2, head.length + part.length);
    view.setUint16(4, id & 0xffff);
    view.setUint16(6, (start >> 3) | (more << 13));
    view.setUint16(10, 0);
    view.setUint16(10, frames.checksum(head));
    return Uint8Array.from([...head, ...part]);
  });
}

/** Sends large datagrams in pieces, in order and backwards, to a port and to a host that are not allowed. */
async function inPieces(site: Site): Promise<readonly Sighting[]> {
  const self = await seatOf(site, who);
  const gateway = await gatewayOf(site, 'app_default');
  await watchAll(site);
  let id = Math.floor(Date.now() / 1000) % 0x8000;
  const tries = families.flatMap((family) =>
    [
      { name: `the internet's port 9999, ${family}`, dst: places.internet[family], dport: 9999 },
      { name: `a private host's port 53, ${family}`, dst: places.private[family], dport: 53 },
    ].flatMap((target) =>
      Object.entries(cuts).flatMap(([how, at]) =>
        ['in order', 'backwards'].map((order) => ({ ...target, family, at, order, what: `${how}, ${order}` })),
      ),
    ),
  );
  const sightings: Sighting[] = [];
  for (const { at, dport, dst, family, name, order, what } of tries) {
    const token = freshToken();
    // in every piece, wherever it is cut
    const data = new Uint8Array(3000);
    for (let place = 0; place + token.length <= data.length; place += 100) data.set(Buffer.from(token), place);
    const whole = frames.udp({ src: self[family], dst, sport: 5557, dport }, data);
    const pieces = fragmentsOf(whole, at, ++id).map((piece) =>
      frames.ethernet({ from: self.mac, to: gateway.mac, type: frames.etherType(dst) }, piece),
    );
    await site.host.sendFrames(who, order === 'in order' ? pieces : pieces.toReversed());
    const arrived = await site.arrivedAnywhere(token);
    sightings.push({ what: `${who}: 3000 bytes to ${name}, ${what}`, at: arrived ? ['a far host'] : [] });
  }
  return sightings;
}

export const fragments: Row = {
  number: 40,
  title: 'fragments without a header',
  tries: 'Large datagrams in pieces: without defragmentation a rule about ports sees the first piece alone.',
  is: { state: 'closed', under: [onePort], attempt: ({ site }) => inPieces(site) },
};
