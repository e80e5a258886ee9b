import { noAddresses } from '../../ip/address-set.ts';
import { attribute, nest, text, u32 } from '../../netlink/attribute.ts';
import { linkAttributes, linkHead } from '../../netlink/link.ts';
import { decodeLinkEvents } from '../../netlink/link-events.ts';
import { encodeMessage } from '../../netlink/message.ts';
import { ElementWriter } from '../../netlink/set-elements.ts';
import { Guard } from './guard.ts';
import { readMembers } from './members.ts';

/** Enough for every function on the way to be compiled, and the first seating to take a millisecond instead of 25. */
const rounds = 5;

/** Seats somebody who is not there, in no kernel: code that runs for the first time takes its time. */
export async function rehearse(): Promise<void> {
  for (let round = 0; round < rounds; round++) await seatOnce();
}

const container = 'c'.repeat(64);
const network = 'd'.repeat(64);
const mac = '02:42:c0:00:02:02';
const [bridge, port] = [2, 3];

async function seatOnce(): Promise<void> {
  const writer = new ElementWriter({
    sendTogether: (_size, encode) => {
      encode(1);
      return [];
    },
  });
  let seated = () => {};
  const done = new Promise<void>((resolve) => {
    seated = resolve;
  });
  const guard = new Guard({
    links: () => [],
    link: () => null,
    peerLink: () => ({ mac, up: true }),
    peerAddresses: () => [],
    containers: () => new Set(),
    namespaces: () => [],
    watchWithin: () => {},
    disregard: () => {},
    newest: () => [],
    members: () => Promise.resolve(readMembers(answer, network)),
    setElements: (remove, add) => writer.set([...remove, ...add], add),
    say: ({ kind }) => {
      if (kind === 'left') seated();
    },
    now: () => performance.now(),
    after: (milliseconds, call) => {
      const timer = setTimeout(call, milliseconds);
      return () => clearTimeout(timer);
    },
  });
  await guard.begin();
  const forward = { kind: 'goto', chain: 'forward/rehearsal' } as const;
  const entries = { forward4: forward, forward6: forward, host4: forward, host6: forward };
  const place = { name: 'br-rehearsal', index: bridge };
  const rules = { bridge: place, strict: true, entries, groups: ['rehearsal'], opens: [{ protocol: 6, port: 80 }] };
  guard.hear({
    kind: 'plan',
    bridges: [{ ...place, network, places: noAddresses, strict: true }],
    seats: [{ container, network, rules }],
    gone: [],
    seated: [],
    unseated: [],
    announced: [],
    forgotten: [],
    barred: [],
    engines: [],
    heard: 0,
  });
  guard.hearLinks(decodeLinkEvents(event(16)));
  await new Promise((resolve) => setImmediate(resolve)); // the engine's answer, which is there already
  guard.hearLinks(decodeLinkEvents(event(17)));
  await done;
}

const answer = Buffer.from(
  JSON.stringify({
    Id: network,
    Containers: {
      [container]: {
        Name: 'rehearsal',
        EndpointID: 'e'.repeat(64),
        MacAddress: mac,
        IPv4Address: '192.0.2.2/24',
        IPv6Address: '2001:db8::2/64',
      },
    },
  }),
);

/** RTM_NEWLINK (16) or RTM_DELLINK (17) of a port whose peer is in another namespace. */
function event(type: number): Buffer {
  const head = Buffer.alloc(linkHead);
  head.writeInt32LE(port, 4);
  const payload = Buffer.concat([
    head,
    attribute(linkAttributes.name, text('vethrehearsal')),
    attribute(linkAttributes.master, u32(bridge)),
    attribute(linkAttributes.link, u32(2)),
    attribute(linkAttributes.netns, u32(0)),
    nest(linkAttributes.info, attribute(linkAttributes.infoKind, text('veth'))),
  ]);
  return encodeMessage({ type, flags: 0, sequence: 0, payload });
}
