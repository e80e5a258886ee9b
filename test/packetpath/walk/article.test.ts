import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { prefixOf } from '../../../src/ip/prefix.ts';
import type { Listing } from '../../../src/packetpath/model.ts';
import { readListing } from '../../../src/packetpath/read/read.ts';
import { answerTo, firstPacket } from '../../../src/packetpath/walk/ask.ts';
import { surroundingsOfListing } from '../../../src/packetpath/walk/derive.ts';
import { neverReached } from '../../../src/packetpath/walk/never-reached.ts';
import { exactly, spanOf } from '../../../src/packetpath/walk/packet.ts';
import type { Outcome } from '../../../src/packetpath/walk/result.ts';
import { elsewhere, type Surroundings } from '../../../src/packetpath/walk/surroundings.ts';
import { type Asked, walkPacket } from '../../../src/packetpath/walk/walk.ts';
import { address } from './words.ts';

/** The article's own listings: what its author saw happen, and why. */
const listingOf = (file: string): Listing =>
  readListing(readFileSync(join(import.meta.dirname, '..', 'fixtures', file), 'utf8'));

function walked(file: string, from: string, bridge: string, to: string, port = 22) {
  const listing = listingOf(file);
  const surroundings = surroundingsOfListing(listing);
  const asked = firstPacket({
    from: { in: { kind: 'name', name: bridge }, port: elsewhere(surroundings) },
    family: 4,
    source: spanOf(address(from)),
    destination: spanOf(address(to)),
    protocol: 6,
    port: exactly(port),
  });
  const walk = (through: Listing) => walkPacket(through, surroundings, asked);
  const answer = walk(listing);
  return { answer, outranked: neverReached(listing, answer, walk) };
}

const decided = ({ by }: Outcome) => (by.kind === 'rule' ? `${by.at.chain.name} ${by.at.rule.place.number}` : by.kind);

test('the last listing: the filter is never reached from the network that was made anew', () => {
  const { answer, outranked } = walked('article-outranked.txt', '172.20.0.5', 'br-c4d330f8b3c3', '192.168.5.5');
  const [first] = answer.outcomes;
  expect(first?.verdict).toBe('accepted');
  expect(first?.by.kind === 'rule' && first.by.at.rule.text).toBe(
    'ACCEPT all -- br-c4d330f8b3c3 !br-c4d330f8b3c3 0.0.0.0/0 0.0.0.0/0',
  );
  expect(first?.assumptions.map(({ text }) => text)).toEqual([
    'chain DOCKER-USER, which is not shown, lets the packet go on',
    'chain DOCKER-ISOLATION, which is not shown, lets the packet go on',
  ]);
  expect(outranked?.chain).toBe('DOCKER-OUTBOUND-FILTER');
  expect(outranked?.call.rule.place).toMatchObject({ number: 7 });
  expect(outranked?.by.rule.place).toMatchObject({ number: 5 });
});

test('from the network that it was made for, the same listing sends packets into the filter', () => {
  const { answer, outranked } = walked('article-outranked.txt', '172.20.0.5', 'br-ccaef8da7d18', '192.168.5.5');
  expect(answer.outcomes.flatMap(({ assumptions }) => assumptions.map(({ text }) => text))).toContain(
    'chain DOCKER-OUTBOUND-FILTER, which is not shown, stops it',
  );
  expect(outranked).toBeNull();
});

test.each([
  ['192.168.5.5', 22, 'dropped', 'DOCKER-OUTBOUND-FILTER 4'],
  ['192.168.100.1', 3128, 'accepted', 'DOCKER-OUTBOUND-FILTER 2'],
  ['45.90.10.10', 443, 'accepted', 'FORWARD 10'],
] as const)('with the filter first, a packet to %s port %i is %s by %s', (to, port, verdict, by) => {
  const { answer } = walked('article-two-projects.txt', '172.20.0.5', 'br-ccaef8da7d18', to, port);
  const [first] = answer.outcomes;
  expect({ verdict: answer.verdict, by: first && decided(first) }).toEqual({ verdict, by });
});

/**
 * The article's host as its `docker network inspect` tells of it, with br_netfilter, which engine 18.03 switches on. Whatever is
 * in none of the two networks is beyond an interface that the article does not name: its LAN.
 */
const bridge = 'br-388e266f9993';
const networks = { docker0: '172.17.0', [bridge]: '172.18.0' };
const host: Surroundings = {
  interfaces: Object.entries(networks).map(([name, net]) => ({
    name,
    kind: 'bridge',
    master: null,
    addresses: [{ address: address(`${net}.1`), length: 16 }],
    brNetfilter: { 4: true, 6: false },
    rpFilter: null,
  })),
  routes: Object.entries(networks).map(([name, net]) => ({
    to: prefixOf(`${net}.0/16`),
    interface: name,
    source: address(`${net}.1`),
  })),
  policyRouting: false,
  forwarding: { 4: true, 6: null },
  complete: false,
};
const addresses = {
  host: '172.18.0.1',
  lan: '192.168.5.5',
  'on docker0': '172.17.0.2',
  'its neighbour': '172.17.0.3',
  app: '172.18.0.4',
  mongo: '172.18.0.3',
} as const;
type Place = keyof typeof addresses;

function originOf(place: Place): Asked['from'] {
  if (place === 'host') return 'host';
  const port = elsewhere(host);
  if (place === 'lan') return { in: port, port: null };
  return { in: { kind: 'name', name: addresses[place].startsWith(networks.docker0) ? 'docker0' : bridge }, port };
}

/** What becomes of a packet from one place to another, by which rule, and what of the answer where it comes. */
function between(file: string, from: Place, to: Place, port: number): readonly string[] {
  const listing = listingOf(file);
  const text = (asked: Asked) => {
    const { verdict, outcomes } = walkPacket(listing, host, asked);
    const [first] = outcomes;
    const by = first?.by.kind === 'policy' ? `policy of ${first.by.chain.name}` : first && decided(first);
    return { said: `${verdict}, ${by}`, first };
  };
  const { said, first } = text(
    firstPacket({
      from: originOf(from),
      family: 4,
      source: spanOf(address(addresses[from])),
      destination: spanOf(address(addresses[to])),
      protocol: 6,
      port: exactly(port),
    }),
  );
  return first?.verdict === 'accepted' ? [said, text(answerTo(first, originOf(to))).said] : [said];
}

// "Docker デーモン起動時": nothing but the network of containers without one of their own
test.each<[from: Place, to: Place, port: number, first: string, answer?: string]>([
  // "コンテナから外部への通信は制限されていません", and what was begun outward comes back
  ['on docker0', 'lan', 22, 'accepted, FORWARD 5', 'accepted, FORWARD 3'],
  ['on docker0', 'its neighbour', 80, 'accepted, FORWARD 6', 'accepted, FORWARD 3'],
  // "外部からコンテナへの通信は publish されたポートのみ": none is
  ['lan', 'on docker0', 80, 'dropped, policy of FORWARD'],
  // between the host and its containers FORWARD is not asked
  ['on docker0', 'host', 22, 'accepted, policy of INPUT', 'accepted, policy of OUTPUT'],
  ['host', 'on docker0', 80, 'accepted, policy of OUTPUT', 'accepted, policy of INPUT'],
])('with the engine just started, %s -> %s:%i', (from, to, port, ...expected) => {
  expect(between('article-engine-started.txt', from, to, port)).toEqual(expected);
});

// "docker-compose によりコンテナを起動させた後": app, elasticsearch, mongo, of which app is published on 3000
test.each<[from: Place, to: Place, port: number, first: string, answer?: string]>([
  // star 3 lets the project out, star 1 the answers in
  ['app', 'lan', 22, 'accepted, FORWARD 5', 'accepted, FORWARD 3'],
  // star 4
  ['app', 'mongo', 27017, 'accepted, FORWARD 6', 'accepted, FORWARD 3'],
  // star 2 asks DOCKER, where star 5 is; the answer goes out by star 3
  ['lan', 'app', 3000, 'accepted, DOCKER 1', 'accepted, FORWARD 5'],
  ['lan', 'app', 3001, 'dropped, policy of FORWARD'],
  ['lan', 'mongo', 27017, 'dropped, policy of FORWARD'],
  // stars 6 and 7 part docker0's containers from the project's
  ['on docker0', 'app', 3000, 'dropped, DOCKER-ISOLATION 1'],
  ['app', 'on docker0', 80, 'dropped, DOCKER-ISOLATION 2'],
  // and not the host, as the article has it
  ['host', 'app', 3000, 'accepted, policy of OUTPUT', 'accepted, policy of INPUT'],
  ['app', 'host', 22, 'accepted, policy of INPUT', 'accepted, policy of OUTPUT'],
  // docker0's own rules are as they were
  ['on docker0', 'lan', 443, 'accepted, FORWARD 9', 'accepted, FORWARD 7'],
])('with the project up, %s -> %s:%i', (from, to, port, ...expected) => {
  expect(between('article-compose-up.txt', from, to, port)).toEqual(expected);
});
