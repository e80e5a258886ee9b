import type { Chain, Table } from '../model.ts';
import { isDockerChain } from './layout.ts';
import { sluiceSentence } from './sluice-chains.ts';
import type { Maker } from './types.ts';
import type { Whose } from './whose.ts';

/** Whose a chain is by its name, and what it is for. A name is a hint, not a proof: rules are told by what they are. */
export interface Owner {
  readonly maker: Maker;
  readonly sentence: string | null;
}

export const makerNames: Readonly<Record<Maker, string>> = {
  docker: 'Docker',
  swarm: 'Docker Swarm',
  sluice: 'Sluice',
  operator: 'yours',
  'outbound-filter': 'the outbound filter',
  ufw: 'ufw',
  firewalld: 'firewalld',
  podman: 'Podman',
  libvirt: 'libvirt',
  kube: 'Kubernetes',
  cni: 'CNI',
  fail2ban: 'fail2ban',
  tailscale: 'Tailscale',
  'wg-quick': 'wg-quick',
  lxd: 'LXD',
  incus: 'Incus',
  istio: 'Istio',
  nomad: 'Nomad',
  proxmox: 'Proxmox',
  openwrt: 'OpenWrt',
  nixos: 'NixOS',
  csf: 'csf',
  crowdsec: 'CrowdSec',
  mullvad: 'Mullvad',
  kernel: 'the kernel',
  unknown: 'unknown',
};

const dockerChains: Readonly<Record<string, string>> = {
  'filter DOCKER': 'what may come into a network of Docker from outside it: the published ports',
  'nat DOCKER': 'turns published ports of the host to containers',
  'filter DOCKER-FORWARD': "Docker's rules for packets that the host passes on",
  'filter DOCKER-CT': 'lets replies into the networks of Docker',
  'filter DOCKER-BRIDGE': 'sends what goes into a network of Docker to DOCKER',
  'filter DOCKER-INTERNAL': 'closes internal networks in both directions',
  'filter DOCKER-ISOLATION': 'keeps the networks of Docker apart, pair by pair',
  'filter DOCKER-ISOLATION-STAGE-1': 'finds what a network of Docker sends out of itself, and closes internal networks',
  'filter DOCKER-ISOLATION-STAGE-2': 'stops it where it would go into another network of Docker',
  'filter DOCKER-INGRESS': 'published ports of Swarm services',
  'nat DOCKER-INGRESS': 'turns published ports of Swarm services to the routing mesh',
  'nat DOCKER_OUTPUT': "inside a container: lookups to Docker's resolver",
  'nat DOCKER_POSTROUTING': "inside a container: answers of Docker's resolver",
  'docker-bridges nat-prerouting-and-output': 'turns published ports of the host to containers',
};

const dockerBases: readonly (readonly [RegExp, string])[] = [
  [/^filter-forward-in__/, 'what may come into one network of Docker'],
  [/^filter-forward-out__/, 'what one network of Docker may send elsewhere'],
  [/^nat-postrouting-in__/, 'new sources for what goes into one network of Docker'],
  [/^nat-postrouting-out__/, 'new sources for what one network of Docker sends'],
];

const patterns: readonly (readonly [RegExp, Owner])[] = [
  [/^ufw6?-(before|after)-logging-/, { maker: 'ufw', sentence: 'logging' }],
  [/^ufw6?-before-/, { maker: 'ufw', sentence: 'rules of /etc/ufw/before.rules' }],
  [/^ufw6?-after-/, { maker: 'ufw', sentence: 'rules of /etc/ufw/after.rules' }],
  [/^ufw6?-user-/, { maker: 'ufw', sentence: 'rules given by `ufw allow`, `deny`, `limit` and `route`' }],
  [/^ufw6?-(reject|track|skip-to-policy)-/, { maker: 'ufw', sentence: 'what becomes of the rest: its default policy' }],
  [/^ufw6?-/, { maker: 'ufw', sentence: null }],
  [/^LIBVIRT_/, { maker: 'libvirt', sentence: 'networks of virtual machines' }],
  [/^KUBE-/, { maker: 'kube', sentence: null }],
  [/^(NETAVARK[_-]|netavark)/, { maker: 'podman', sentence: 'networks of Podman (netavark)' }],
  [/^CNI-/, { maker: 'cni', sentence: 'networks made by CNI plugins, such as those of older Podman' }],
  [
    /^(cali-|FLANNEL-|WEAVE(-|$)|CILIUM_|AWS-(SNAT|CONNMARK)-CHAIN-)/,
    { maker: 'cni', sentence: 'networks made by CNI plugins' },
  ],
  [/^f2b-/, { maker: 'fail2ban', sentence: 'addresses that it has banned' }],
  [/^ts-(input|forward|postrouting)$/, { maker: 'tailscale', sentence: null }],
  [/^ISTIO_/, { maker: 'istio', sentence: 'turns what an application sends and gets to its proxy' }],
  [/^NOMAD-ADMIN$/, { maker: 'nomad', sentence: "what its administrator wants in front of CNI's rules" }],
  [/^PVEFW-/, { maker: 'proxmox', sentence: null }],
  [/^nixos-(fw|nat)(-|$)/, { maker: 'nixos', sentence: null }],
  [/^CROWDSEC_(CHAIN|LOG)$/, { maker: 'crowdsec', sentence: 'addresses that it has banned' }],
  [
    /^zone_\w+_(input|output|forward|prerouting|postrouting|(src|dest)_(ACCEPT|DROP|REJECT))$/,
    { maker: 'openwrt', sentence: 'a zone of its firewall' },
  ],
];

const tables: readonly (readonly [RegExp, Maker])[] = [
  [/^((inet|bridge) sluice(-trace)?|inet sluice-last)$/, 'sluice'],
  [/^ip6? docker-(bridges|dns)$/, 'docker'],
  [/^(inet|ip|ip6) firewalld$/, 'firewalld'],
  [/^inet netavark$/, 'podman'],
  [/^ip6? wg-quick-/, 'wg-quick'],
  [/^inet lxd$/, 'lxd'],
  [/^inet incus$/, 'incus'],
  [/^(ip flannel-ipv4|ip6 flannel-ipv6)$/, 'cni'],
  [/^(inet proxmox-firewall|bridge proxmox-firewall-guests)$/, 'proxmox'],
  [/^inet fw4$/, 'openwrt'],
  [/^inet nixos-fw$/, 'nixos'],
  [/^(ip crowdsec|ip6 crowdsec6)$/, 'crowdsec'],
  [/^inet mullvad$/, 'mullvad'],
  [/^ip6? libvirt_network$/, 'libvirt'],
  [/^ip6? kube-proxy$/, 'kube'],
  [/^inet f2b-table$/, 'fail2ban'],
];

/** Who alone fills a table. */
export function tableMaker({ family, name }: Table): Maker | null {
  return tables.find(([form]) => form.test(`${family} ${name}`))?.[1] ?? null;
}

/** The name that the article gave its filter, and Sluice its first chain in each table of iptables. */
const filterChain = 'DOCKER-OUTBOUND-FILTER';

/** Chains that only Sluice has; beside them the filter's is its own, too. */
const isSluices = ({ name }: Chain): boolean => name.startsWith('DOCKER-OUTBOUND-') && name !== filterChain;

/**
 * Who made a chain, by its table's name, else by its own, and what it is for. Chains that the kernel calls are the kernel's in
 * the tables of iptables, and in others that have no known maker: everybody may put rules there. One without a name that
 * somebody is known to give is nobody's.
 */
export function ownerOf(table: Table, chain: Chain, whose: Whose): Owner {
  const maker = tableMaker(table);
  if (maker === 'sluice') return { maker, sentence: sluiceSentence(table, chain.name, whose) };
  if (maker === 'docker') return { maker, sentence: dockerSentence(table, chain.name) };
  if (maker !== null) return { maker, sentence: null };
  if (table.family === 'bridge' && chain.name.startsWith('DOCKER-OUTBOUND-'))
    return {
      maker: 'sluice',
      sentence: sluiceSentence(table, chain.name, whose) ?? 'rules of Sluice in ebtables, beside those in iptables',
    };
  if (table.family !== 'ip' && table.family !== 'ip6') return builtIn(chain);
  if (chain.base !== null) return builtIn(chain);
  if (chain.name === 'DOCKER-USER')
    return {
      maker: 'operator',
      sentence: 'for rules of your own: Docker sends everything through it and leaves it alone',
    };
  if (chain.name === filterChain && table.chains.some(isSluices))
    return { maker: 'sluice', sentence: 'where the rules of Sluice in iptables begin' };
  if (chain.name === filterChain)
    return {
      maker: 'outbound-filter',
      sentence: 'a filter of what containers send, under the name that the article gave it',
    };
  if (isSluices(chain))
    return {
      maker: 'sluice',
      sentence:
        sluiceSentence(table, chain.name, whose) ?? 'rules of Sluice in iptables, behind DOCKER-OUTBOUND-FILTER',
    };
  if (isDockerChain(chain.name) || chain.name.startsWith('DOCKER_'))
    return {
      maker: chain.name === 'DOCKER-INGRESS' ? 'swarm' : 'docker',
      sentence: dockerChains[`${table.name} ${chain.name}`] ?? null,
    };
  const found = patterns.find(([form]) => form.test(chain.name))?.[1];
  if (found !== undefined) return found;
  if (isFirewalld(table, chain.name)) return { maker: 'firewalld', sentence: null };
  return { maker: isCsf(table, chain.name) ? 'csf' : 'unknown', sentence: null };
}

function builtIn({ base }: Chain): Owner {
  return base === null ? { maker: 'unknown', sentence: null } : { maker: 'kernel', sentence: null };
}

function dockerSentence({ name: table }: Table, name: string): string | null {
  if (table === 'docker-dns') return "inside a container: Docker's resolver";
  return dockerChains[`${table} ${name}`] ?? dockerBases.find(([form]) => form.test(name))?.[1] ?? null;
}

/** firewalld's chains in iptables have plain names; its own skeleton is beside them where they are. */
function isFirewalld({ chains }: Table, name: string): boolean {
  const skeleton = chains.some((chain) => /^(INPUT|FORWARD|PREROUTING|POSTROUTING)(_ZONES|_direct)$/.test(chain.name));
  return (
    skeleton &&
    /^((INPUT|OUTPUT|FORWARD|PREROUTING|POSTROUTING)_|(IN|OUT|FWD|FWDI|FWDO|FWDX|PRE|POST)_|RFC3964_IPv4$)/.test(name)
  );
}

/** csf's chains have plain names, too; those that nobody else has are beside them. */
function isCsf({ chains }: Table, name: string): boolean {
  const skeleton = ['LOCALINPUT', 'LOCALOUTPUT', 'LOGDROPIN', 'LOGDROPOUT'];
  return (
    skeleton.every((one) => chains.some((chain) => chain.name === one)) &&
    /^(LOCAL(IN|OUT)PUT|LOGDROP(IN|OUT)|(ALLOW|DENY)(IN|OUT)|INVALID|INVDROP|SYNFLOOD|PORTFLOOD|UDPFLOOD|SMTPOUTPUT|CC_\w+)$/.test(
      name,
    )
  );
}
