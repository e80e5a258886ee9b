import type { AddressSet } from './address-set.ts';
import { setOfPrefixes, subtractSets } from './address-set.ts';
import { type Prefix, prefixOf } from './prefix.ts';

/** A block of addresses and the document that says what it is. */
export interface Registered {
  readonly prefix: Prefix;
  readonly name: string;
  readonly citation: string;
}

const entry = (prefix: string, name: string, citation: string): Registered => ({
  prefix: prefixOf(prefix),
  name,
  citation,
});

/**
 * IANA "IPv4 Special-Purpose Address Registry" and "IPv6 Special-Purpose Address Registry" (RFC 6890, RFC 8190; the
 * registries as of 2024-10-22), whole, the globally reachable entries with them: nobody's service lives there. Multicast
 * stands in registries of its own and is {@link multicastBlocks}.
 */
export const specialPurpose: readonly Registered[] = [
  entry('0.0.0.0/8', '"this network"', 'RFC 791 section 3.2'),
  entry('10.0.0.0/8', 'private use', 'RFC 1918'),
  entry('100.64.0.0/10', 'shared address space (CGNAT)', 'RFC 6598'),
  entry('127.0.0.0/8', 'loopback', 'RFC 1122 section 3.2.1.3'),
  entry('169.254.0.0/16', 'link-local', 'RFC 3927'),
  entry('172.16.0.0/12', 'private use', 'RFC 1918'),
  entry('192.0.0.0/24', 'IETF protocol assignments', 'RFC 6890 section 2.1'),
  entry('192.0.2.0/24', 'documentation (TEST-NET-1)', 'RFC 5737'),
  entry('192.31.196.0/24', 'AS112-v4', 'RFC 7535'),
  entry('192.52.193.0/24', 'AMT', 'RFC 7450'),
  entry('192.88.99.0/24', 'deprecated (6to4 relay anycast)', 'RFC 7526'),
  entry('192.168.0.0/16', 'private use', 'RFC 1918'),
  entry('192.175.48.0/24', 'direct delegation AS112 service', 'RFC 7534'),
  entry('198.18.0.0/15', 'benchmarking', 'RFC 2544'),
  entry('198.51.100.0/24', 'documentation (TEST-NET-2)', 'RFC 5737'),
  entry('203.0.113.0/24', 'documentation (TEST-NET-3)', 'RFC 5737'),
  entry('240.0.0.0/4', 'reserved, limited broadcast with it', 'RFC 1112 section 4, RFC 919 section 7'),
  entry('::/128', 'unspecified', 'RFC 4291'),
  entry('::1/128', 'loopback', 'RFC 4291'),
  entry('::ffff:0:0/96', 'IPv4-mapped', 'RFC 4291'),
  entry('64:ff9b::/96', 'NAT64, embeds an IPv4 address', 'RFC 6052'),
  entry('64:ff9b:1::/48', 'local-use NAT64, embeds an IPv4 address', 'RFC 8215'),
  entry('100::/64', 'discard-only', 'RFC 6666'),
  entry('100:0:0:1::/64', 'dummy prefix', 'RFC 9780'),
  entry('2001::/23', 'IETF protocol assignments, Teredo (RFC 4380) with it', 'RFC 2928'),
  entry('2001:db8::/32', 'documentation', 'RFC 3849'),
  entry('2002::/16', '6to4, embeds an IPv4 address', 'RFC 3056'),
  entry('2620:4f:8000::/48', 'direct delegation AS112 service', 'RFC 7534'),
  entry('3fff::/20', 'documentation', 'RFC 9637'),
  entry('5f00::/16', 'segment routing (SRv6) SIDs', 'RFC 9602'),
  entry('fc00::/7', 'unique local (ULA)', 'RFC 4193'),
  entry('fe80::/10', 'link-local', 'RFC 4291'),
];

/**
 * What of {@link specialPurpose} leads to the world all the same: prefixes that carry an IPv4 address, or whose traffic somebody
 * turns into IPv4's, and those that the registries call globally reachable.
 */
export const worldly: readonly Registered[] = [
  entry('192.0.0.9', 'port control (PCP) anycast', 'RFC 7723'),
  entry('192.0.0.10', 'TURN anycast', 'RFC 8155'),
  entry('192.31.196.0/24', 'AS112-v4', 'RFC 7535'),
  entry('192.52.193.0/24', 'AMT', 'RFC 7450'),
  entry('192.88.99.0/24', 'deprecated (6to4 relay anycast)', 'RFC 7526'),
  entry('192.175.48.0/24', 'direct delegation AS112 service', 'RFC 7534'),
  entry('::/96', 'IPv4-compatible, embeds an IPv4 address', 'RFC 4291 section 2.5.5.1'),
  entry('::ffff:0:0/96', 'IPv4-mapped', 'RFC 4291'),
  entry('::ffff:0:0:0/96', 'IPv4-translated, embeds an IPv4 address', 'RFC 2765'),
  entry('64:ff9b::/96', 'NAT64, embeds an IPv4 address', 'RFC 6052'),
  entry('64:ff9b:1::/48', 'local-use NAT64, embeds an IPv4 address', 'RFC 8215'),
  entry('2001::/23', 'IETF protocol assignments, Teredo (RFC 4380) with it', 'RFC 2928'),
  entry('2002::/16', '6to4, embeds an IPv4 address', 'RFC 3056'),
  entry('2620:4f:8000::/48', 'direct delegation AS112 service', 'RFC 7534'),
];

/** Where clouds answer an instance's questions about itself, credentials among the answers. */
export const cloudMetadata: readonly Registered[] = [
  entry(
    '169.254.169.254',
    'instance metadata',
    'AWS EC2, Azure, Google, Oracle, OpenStack, DigitalOcean, Hetzner docs',
  ),
  entry('fd00:ec2::254', 'instance metadata', 'AWS EC2 User Guide, "Use the IMDS" (IPv6)'),
  entry('169.254.170.2', 'task metadata and credentials', 'AWS ECS Developer Guide, "Task IAM role"'),
  entry('169.254.170.23', 'pod identity agent', 'AWS EKS User Guide, "Set up the Amazon EKS Pod Identity Agent"'),
  entry('fd00:ec2::23', 'pod identity agent', 'AWS EKS User Guide, "Set up the Amazon EKS Pod Identity Agent"'),
  entry('168.63.129.16', 'WireServer', 'Azure docs, "What is IP address 168.63.129.16?"'),
  entry('fd20:ce::254', 'metadata server', 'Google Compute Engine docs, "View and query VM metadata" (IPv6)'),
  entry('100.100.100.200', 'instance metadata', 'Alibaba Cloud ECS docs, "Instance metadata"'),
  entry('192.0.0.192', 'instance metadata', 'Oracle Compute Cloud Service (Classic) docs, "Instance metadata"'),
  entry('fd00:c1::a9fe:a9fe', 'instance metadata', 'Oracle Cloud Infrastructure docs, "Instance metadata" (IPv6)'),
  entry('fe80::a9fe:a9fe', 'instance metadata', 'OpenStack Nova user guide, "Metadata" (IPv6); Linode docs'),
  entry('fd00:a9fe:a9fe::1', 'instance metadata', 'Linode (Akamai) docs, "Metadata service API" (IPv6)'),
  entry('169.254.42.42', 'instance metadata', 'Scaleway; cloud-init docs, datasource Scaleway'),
  entry('fd00:42::42', 'instance metadata', 'Scaleway; cloud-init docs, datasource Scaleway'),
  entry('169.254.0.23', 'instance metadata', 'Tencent Cloud CVM docs, "Viewing instance metadata"'),
  entry('169.254.10.10', 'instance metadata', 'Tencent Cloud CVM docs, "Viewing instance metadata"'),
];

/** What is routed inside a site and not in the world: RFC 1918, CGNAT, link-local, ULA. */
export const privateBlocks: readonly Registered[] = [
  entry('10.0.0.0/8', 'private use', 'RFC 1918'),
  entry('172.16.0.0/12', 'private use', 'RFC 1918'),
  entry('192.168.0.0/16', 'private use', 'RFC 1918'),
  entry('100.64.0.0/10', 'shared address space (CGNAT)', 'RFC 6598'),
  entry('169.254.0.0/16', 'link-local', 'RFC 3927'),
  entry('fe80::/10', 'link-local', 'RFC 4291'),
  entry('fc00::/7', 'unique local (ULA)', 'RFC 4193'),
];

/** Multicast of both families, and IPv4's limited broadcast. */
export const multicastBlocks: readonly Registered[] = [
  entry('224.0.0.0/4', 'multicast', 'RFC 5771'),
  entry('255.255.255.255', 'limited broadcast', 'RFC 919 section 7'),
  entry('ff00::/8', 'multicast', 'RFC 4291'),
];

/** What IANA hands out as unicast to the world; IPv6: RFC 4291 section 2.4 and the "Global Unicast" registry. */
const unicast: readonly Prefix[] = [
  prefixOf('0.0.0.0/1'),
  prefixOf('128.0.0.0/2'),
  prefixOf('192.0.0.0/3'),
  prefixOf('2000::/3'),
];

const setOf = (blocks: readonly Registered[]): AddressSet => setOfPrefixes(blocks.map(({ prefix }) => prefix));

export const cloudMetadataSet: AddressSet = setOf(cloudMetadata);

export const multicastSet: AddressSet = setOf(multicastBlocks);

/** {@link privateBlocks} as a set, `cloud-metadata` with them. */
export const privateBlocksSet: AddressSet = setOf(privateBlocks);

/** `private` before the host's own addresses are taken out of it. */
export const privateSet: AddressSet = subtractSets(privateBlocksSet, cloudMetadataSet);

/** `internet` before the host's own addresses are taken out of it. */
export const internetSet: AddressSet = [setOf(specialPurpose), cloudMetadataSet].reduce(
  subtractSets,
  setOfPrefixes(unicast),
);

/** {@link worldly} as a set. */
export const worldlySet: AddressSet = setOf(worldly);

/** IPv6 link-local: never routed (RFC 4291 section 2.5.6), so behind a bridge it is always a neighbour or the host. */
export const linkLocal6Set: AddressSet = setOfPrefixes([prefixOf('fe80::/10')]);
