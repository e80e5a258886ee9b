import { prefixOf } from '../../../src/ip/prefix.ts';
import type { Listing } from '../../../src/packetpath/model.ts';
import * as realAsk from '../../../src/packetpath/walk/ask.ts';
import { exactly, spanOf } from '../../../src/packetpath/walk/packet.ts';
import type { Outcome, Walked } from '../../../src/packetpath/walk/result.ts';
import type { Surroundings } from '../../../src/packetpath/walk/surroundings.ts';
import type { Asked } from '../../../src/packetpath/walk/walk.ts';
import { nodeNames, nodes, own, type Probe, type Sender } from './rig.ts';
import { address, type Family } from './words.ts';

/** A walker: the real one, or one with a fault in it. */
export type WalkPacket = (listing: Listing, surroundings: Surroundings, asked: Asked) => Walked;

export { realAsk };
export type Ask = Pick<typeof realAsk, 'firstPacket' | 'answerTo'>;

/** The rig as the walk is told of it. */
export function surroundingsOf(brNetfilter: boolean): Surroundings {
  const networks = Object.entries(own).map(([name, { v4, v6 }]) => ({
    name,
    addresses: [
      { address: address(v4), length: 24 },
      { address: address(v6), length: 64 },
    ],
  }));
  const plain = { master: null, brNetfilter: null, rpFilter: 0 };
  return {
    interfaces: [
      { ...plain, name: 'lo', kind: null, addresses: [] },
      ...networks.map(({ name, addresses }) => ({
        ...plain,
        name,
        kind: name === 'eth0' ? 'veth' : 'bridge',
        addresses,
        brNetfilter: name === 'eth0' ? null : { 4: brNetfilter, 6: brNetfilter },
      })),
      ...nodeNames.flatMap((node) => {
        const { bridge, port } = nodes[node];
        return bridge === null ? [] : [{ ...plain, name: port, kind: 'veth', master: bridge, addresses: [] }];
      }),
    ],
    routes: [
      ...networks.flatMap(({ name, addresses }) =>
        addresses.map(({ address: source, length }) => ({
          to: prefixOf(
            `${length === 24 ? own[name as 'eth0'].v4.replace(/\d+$/, '0') : own[name as 'eth0'].v6.replace(/::.*/, '::')}/${length}`,
          ),
          interface: name,
          source,
        })),
      ),
      { to: prefixOf('0.0.0.0/0'), interface: 'eth0', source: address(own.eth0.v4) },
      { to: prefixOf('::/0'), interface: 'eth0', source: address(own.eth0.v6) },
    ],
    policyRouting: false,
    forwarding: { 4: true, 6: true },
    complete: true,
  };
}

const numbers = { udp: 17, tcp: 6 } as const;

/** The probe's first packet. */
export function askedOf(probe: Probe, family: Family, ask: Ask): Asked {
  const { from, to, proto, port } = probe;
  const protocol = proto === 'icmp' ? (family === 4 ? 1 : 58) : numbers[proto];
  const destination = spanOf(address(to));
  return ask.firstPacket({
    from: originOf(from),
    family,
    source: exactly(sourceFor(from, to, family).value),
    destination,
    protocol,
    port: exactly(port),
  });
}

function originOf(from: Sender): Asked['from'] {
  if (from === 'host') return 'host';
  const { bridge, port } = nodes[from];
  if (bridge === null) return { in: { kind: 'name', name: port }, port: null };
  return { in: { kind: 'name', name: bridge }, port: { kind: 'name', name: port } };
}

/** Source address that a sender gets by its routes. */
function sourceFor(from: Sender, to: string, family: Family) {
  const key = family === 4 ? 'v4' : 'v6';
  if (from !== 'host') return address(nodes[from][key]);
  const mine = Object.values(own).find((each) => each[key] === to);
  if (mine !== undefined) return address(to);
  const node = nodeNames.find((name) => nodes[name][key] === to);
  return address(own[(node === undefined ? null : nodes[node].bridge) ?? 'eth0'][key]);
}

/** Who gets a packet that was let through. */
export function receiverOf({ packet, events }: Outcome): Sender | null {
  const last = events.findLast(({ kind }) => kind === 'routed');
  if (last?.kind === 'routed' && last.to === 'local') return 'host';
  const key = packet.family === 4 ? 'v4' : 'v6';
  const { value: low } = { value: packet.destination.low };
  const node = nodeNames.find((name) => address(nodes[name][key]).value === low);
  if (node !== undefined) return node;
  return packet.out?.kind === 'name' && packet.out.name === 'eth0' ? 'lan' : null;
}

/** The answer to it. */
export function answerOf(outcome: Outcome, receiver: Sender, ask: Ask): Asked {
  return ask.answerTo(outcome, originOf(receiver));
}
