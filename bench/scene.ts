/** Hosts of any size on paper: a world with so many containers of one project, and the policy that holds them. */
import { type Address, addressOf, formatAddress, parseAddress } from '../src/ip/address.ts';
import { prefixOf } from '../src/ip/prefix.ts';
import type { Policy } from '../src/policy/model.ts';
import { readPolicy } from '../src/policy/read.ts';
import type { Container, Endpoint, Network, World } from '../src/world/world.ts';

/** `exact`: addresses with a port. `wide`: prefixes with port ranges, prefixes alone, addresses alone. */
export type DestinationKind = 'exact' | 'wide';

export interface Size {
  readonly workloads: number;
  readonly destinations: number;
  readonly kind: DestinationKind;
  /** Port of exact destinations; {@link port} unless told. */
  readonly port?: number;
}

/** A container that really runs. */
export interface Real {
  readonly port: { readonly name: string; readonly index: number };
  readonly mac: string;
}

/** Which of the containers are real, and where their bridge is. The others are made up. */
export interface Anchor {
  readonly bridge: { readonly name: string; readonly index: number; readonly mac: string };
  /** The first containers, from {@link firstSource} on. */
  readonly real: readonly Real[];
  /** The others send from the first one's port with MACs of their own, so that one sender can play them all. */
  readonly onePort: boolean;
}

/** The first container's address; the others follow. */
export const firstSource = '172.20.0.2';
/** Destination number k of workload i is this address + i × destinations + k. */
export const firstDestination = '45.64.0.0';
/** The port of exact destinations. The first half of a workload's destinations are TCP, the rest UDP. */
export const port = 7009;

const subnet = '172.20.0.0/16';
/** The instant all scenes are compiled for. */
export const instant = Date.UTC(2026, 10, 23, 12);

export const paperAnchor: Anchor = {
  bridge: { name: 'br-bench', index: 10, mac: '02:42:00:00:00:01' },
  real: [],
  onePort: false,
};

/** Services per project, and projects have a policy file each: a file may have a megabyte. */
const servicesPerProject = 100;

/** Policy texts, one for each project, with one service per workload. */
export function policyTexts(size: Size): readonly string[] {
  return Array.from({ length: Math.ceil(size.workloads / servicesPerProject) }, (_, project) => {
    const first = project * servicesPerProject;
    const workloads = Array.from({ length: Math.min(servicesPerProject, size.workloads - first) }, (_, n) => first + n);
    const services = workloads.map((workload) => service(size, workload));
    return `version: 1\nprojects:\n  bench${project}:\n    allow: none\n    services:\n${services.join('')}`;
  });
}

function service(size: Size, workload: number): string {
  const entries = Array.from({ length: size.destinations }, (_, number) => destination(size, workload, number));
  return `      s${workload}:\n        allow:\n${entries.map((entry) => `        - "${entry}"\n`).join('')}`;
}

function destination({ destinations, kind, port: its = port }: Size, workload: number, number: number): string {
  const at = plus(firstDestination, workload * destinations + number);
  if (kind === 'exact') return `${at}:${its}/${number < destinations / 2 ? 'tcp' : 'udp'}`;
  const prefix = formatAddress(
    addressOf(4, (10n << 24n) + BigInt(((workload * destinations + number) * 16) % (1 << 24))),
  );
  if (number % 4 === 0) return at;
  if (number % 4 === 1) return `${prefix}/28`;
  if (number % 4 === 2) return `${prefix}/28:443/tcp`;
  return `${prefix}/28:8000-8100/tcp`;
}

export function policyOf(texts: readonly string[]): Policy {
  const files = texts.map((text, number) => ({
    path: number === 0 ? 'policy.yaml' : `policy.d/${number}.yaml`,
    text,
    role: 'policy' as const,
    writableByOthers: false,
  }));
  const { policy, diagnostics } = readPolicy(files, { now: instant });
  if (policy !== null) return policy;
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  throw new Error(errors.map(({ message }) => message).join('\n'));
}

export function worldOf(workloads: number, anchor: Anchor = paperAnchor): World {
  const network: Network = {
    id: 'b'.repeat(64),
    name: 'bench_default',
    driver: 'bridge',
    bridge: anchor.bridge,
    subnets: [prefixOf(subnet)],
    gateways: [address('172.20.0.1')],
    internal: false,
    project: 'bench0',
    composeKey: 'default',
  };
  const hostAddresses = ['127.0.0.1', '172.17.0.1', '172.20.0.1', '192.168.0.10'];
  return {
    engine: { version: '28.5.2', apiVersion: '1.51', hostGateway: [address('172.17.0.1')] },
    host: {
      name: 'bench',
      addresses: hostAddresses.map((text) => ({ interface: 'eth0', address: address(text), length: 16 })),
      bridgeNetfilter: { ip: true, ip6: true },
    },
    networks: [network],
    containers: Array.from({ length: workloads }, (_, number) => container(number, network, anchor)),
  };
}

function container(number: number, network: Network, anchor: Anchor): Container {
  const real = anchor.real[number];
  const endpoint: Endpoint = {
    network: network.id,
    addresses: [address(plus(firstSource, number))],
    mac: real?.mac ?? `02:42:ad:00:${byte(number >> 8)}:${byte(number & 255)}`,
    port: real?.port ?? (anchor.onePort ? anchor.real[0]?.port : undefined) ?? made(number),
  };
  return {
    id: number.toString(16).padStart(64, '0'),
    name: `bench-s${number}-1`,
    image: 'app',
    running: true,
    pid: 1000 + number,
    project: `bench${Math.floor(number / servicesPerProject)}`,
    service: `s${number}`,
    labels: new Map(),
    composeFiles: [],
    networkMode: { kind: 'networks' },
    endpoints: [endpoint],
    published: [],
    resolvers: [],
  };
}

const made = (number: number) => ({ name: `veth${number}`, index: 100_000 + number });
const byte = (value: number): string => value.toString(16).padStart(2, '0');

const plus = (text: string, more: number): string => formatAddress(addressOf(4, address(text).value + BigInt(more)));

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new TypeError(`not an address: ${text}`);
  return parsed;
}
