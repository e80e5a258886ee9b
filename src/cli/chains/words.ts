import type { HookName } from '../../packetpath/model.ts';
import type { Plane } from '../../packetpath/purpose/order.ts';
import type { Outbound } from '../../packetpath/purpose/types.ts';
import type { Paint } from '../paint.ts';

/** How the screen says what a rule means for packets that containers send: capitals where it decides on them. */
export const outboundWords: Readonly<
  Record<Outbound, { readonly word: string; readonly style: keyof Paint; readonly legend: string }>
> = {
  'lets-out': { word: 'LETS OUT', style: 'doubtful', legend: "lets a network's packets out" },
  stops: { word: 'STOPS', style: 'bad', legend: 'stops what a network sends' },
  isolates: { word: 'ISOLATES', style: 'bad', legend: 'stops what one network sends to another' },
  'may-let-out': { word: 'ACCEPTS', style: 'doubtful', legend: 'lets through what it matches, which may be outbound' },
  'may-stop': { word: 'DENIES', style: 'bad', legend: 'stops what it matches, which may be outbound' },
  'new-source': { word: 'new source', style: 'strong', legend: 'changes the source of what leaves' },
  'new-destination': { word: 'turns', style: 'strong', legend: 'turns what goes to the host to a container' },
  replies: { word: 'replies', style: 'faint', legend: 'only conversations that exist already' },
  inbound: { word: 'inbound', style: 'faint', legend: 'only packets into a network: those that leave it never match' },
  neighbours: { word: 'neighbours', style: 'faint', legend: 'only packets between containers of one network' },
  host: { word: 'host', style: 'faint', legend: 'only packets of the host itself' },
  calls: { word: 'calls', style: 'faint', legend: 'another chain decides' },
  nothing: { word: '-', style: 'faint', legend: 'decides nothing' },
  unknown: { word: '?', style: 'doubtful', legend: 'not known' },
};

export const hookTexts: Readonly<Record<HookName, string>> = {
  ingress: 'what arrives on a card, before anything else',
  prerouting: 'everything that arrives, before it is routed',
  input: 'what is for the host itself, such as what containers send to it',
  forward: 'what the host passes on, such as what containers send to other networks and the world',
  output: 'what the host itself sends',
  postrouting: 'everything that leaves, after it was routed',
};

export const planeTexts: Readonly<Record<Plane, string>> = {
  device: 'frames on a card',
  bridge: 'frames on a bridge',
  IPv4: 'IPv4',
  IPv6: 'IPv6',
  ARP: 'ARP',
};
