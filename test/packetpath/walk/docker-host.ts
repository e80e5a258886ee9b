import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readListing } from '../../../src/packetpath/read/read.ts';
import { layoutText } from '../purpose/subjects.ts';
import type { RuleSet } from './generate.ts';
import { restoreTextOf } from './restored.ts';

/**
 * The rig as a host of Docker's: the rules of an engine that cannot be had here or of the article's host, with two of its networks
 * on the rig's two bridges. c1 is the container that the rules speak of, c2 its neighbour, c3 somebody on the other bridge.
 */
type Seating = readonly [one: Network, two: Network];

/** A network of the layouts: its bridge, and where its addresses begin. */
interface Network {
  readonly bridge: string;
  readonly 4?: string;
  readonly 6?: string;
}

const docker0 = { bridge: 'docker0', 4: '172.17.0.' };
const br1 = { bridge: 'br1', 4: '10.88.1.', 6: 'fd00:88:1::' };
const brint = { bridge: 'brint', 4: '10.88.3.', 6: 'fd00:88:3::' };
const brrt = { bridge: 'brrt', 4: '10.88.4.' };

/** Published on 3000. */
const articlesApp = { bridge: 'br-ccaef8da7d18', 4: '172.19.0.' };

const seatings = {
  /** Published on 8080, and the network of containers without one of their own. */
  project: [br1, docker0],
  internal: [brint, br1],
  /** Neighbours may not talk; published on 127.0.0.1 alone. */
  'icc=false': [{ bridge: 'brnoicc', 4: '10.88.2.' }, docker0],
  'gateway modes': [brrt, { bridge: 'brun', 4: '10.88.5.' }],
  routed: [br1, brrt],
  swarm: [{ bridge: 'docker_gwbridge', 4: '172.18.0.' }, docker0],
  'the article, one project': [{ bridge: 'br-388e266f9993', 4: '172.18.0.' }, docker0],
  'the article, two projects': [{ bridge: 'br-3b054d11a74d', 4: '172.20.0.' }, articlesApp],
  'the article, its network made anew': [{ bridge: 'br-c4d330f8b3c3', 4: '172.20.0.' }, articlesApp],
} as const satisfies Readonly<Record<string, Seating>>;
export type SeatingName = keyof typeof seatings;

const places = [
  { bridge: 'br-one', 4: '172.21.0.', 6: 'fd00:21::' },
  { bridge: 'br-two', 4: '172.22.0.', 6: 'fd00:22::' },
] as const;

/** Rules with the rig's own bridges and addresses in the place of two networks. */
function seated(text: string, seating: Seating): string {
  return seating.reduce((rules, network, index) => {
    const place = places[index as 0 | 1];
    // the chains that nftables has for a bridge are called after it, and stay
    const renamed = rules.replaceAll(new RegExp(`(?<![\\w-])${network.bridge}(?![\\w-])`, 'g'), place.bridge);
    return ([4, 6] as const).reduce(
      (done, family) => (network[family] === undefined ? done : done.replaceAll(network[family], place[family])),
      renamed,
    );
  }, text);
}

/** 28.0.0 keeps the subnets of networks that are not internal in a set, which its rules do not show. */
const externalNetworks = `create docker-ext-bridges-v4 hash:net family inet hashsize 1024 maxelem 65536
add docker-ext-bridges-v4 172.17.0.0/16
add docker-ext-bridges-v4 10.88.1.0/24
add docker-ext-bridges-v4 10.88.2.0/24
`;

/** What this kernel has no modules for: Swarm's rules for VXLAN, of which the flows have none. */
const isHere = (line: string): boolean => !/ -m (u32|policy) /.test(line);

/** Its last listing shows FORWARD alone; what the other chains are, the one before it tells. */
function articleText(name: string): string {
  const listed = (file: string) => readFileSync(join(import.meta.dirname, '..', 'fixtures', `${file}.txt`), 'utf8');
  const shown = listed(name);
  if (name !== 'article-outranked') return shown;
  const others = listed('article-two-projects');
  return `${shown}\n${others.slice(others.indexOf('Chain DOCKER '))}`;
}

/**
 * Rules as the walk takes them, and as the programs load them, with br_netfilter on: engines up to 27.3 switch it on by
 * themselves, later ones for icc=false (docker-engine facts, section 7).
 *
 * @param layout 18.03, 29-nftables, ...: the name of a layout; or article-compose-up, ...: of a listing of the article
 */
export function dockerHost(layout: string, seating: SeatingName, engine: 'legacy' | 'nft' = 'nft'): RuleSet {
  const hint = {
    engine: engine === 'legacy' ? 'legacy' : 'nf_tables',
    family: layout.includes('ip6') ? 6 : 4,
  } as const;
  const common = {
    seed: 0,
    variant: engine === 'nft' ? 'iptables-nft' : 'legacy',
    family: hint.family,
    brNetfilter: true,
  } as const;
  if (layout.startsWith('article-')) {
    // the container that its published port leads to is the fourth of its network there
    const text = seated(articleText(layout).replaceAll(/(?<=172\.1[89]\.0\.)4/g, '2'), seatings[seating]);
    const listing = readListing(text, hint);
    return { ...common, listing, ipset: '', iptables: { engine, text: restoreTextOf(listing) }, nft: '' };
  }
  const native = layout.endsWith('nftables');
  const rules = seated(layoutText(`${layout}.${native ? 'nft' : 'rules'}`), seatings[seating]);
  const ipset = layout === '28.0.0' ? seated(externalNetworks, seatings[seating]) : '';
  const listing = readListing(`${rules}\n${ipset}`, hint);
  if (native) return { ...common, variant: 'nft', listing, ipset, iptables: null, nft: rules };
  const text = `${rules.split('\n').filter(isHere).join('\n')}\n`;
  return { ...common, listing, ipset, iptables: { engine, text }, nft: '' };
}
