import type { NetworkDetails, UnreadableContainer } from './engine-api.ts';
import { ownLabels } from './own-labels.ts';
import { list, type Members, map, object } from './shape.ts';

/*
 * What is kept of the engine's answers while they come. Whoever writes a compose file makes an entry as long as he likes, with labels,
 * options, aliases and ports; none of these may keep the others from being read.
 */

/** Of what decides where a container is and what it may all is kept, or the entry is too long: a part of it would hide the rest. */
const every = Number.POSITIVE_INFINITY;

const attachment = {
  NetworkID: 'plain',
  EndpointID: 'plain',
  MacAddress: 'plain',
  IPAddress: 'plain',
  GlobalIPv6Address: 'plain',
} as const;

/** An entry of `GET /containers/json`. */
export const containerShape: Members = object({
  Id: 'plain',
  Names: list('plain', every),
  Image: 'plain',
  ImageID: 'plain',
  State: 'plain',
  Labels: ownLabels,
  HostConfig: object({ NetworkMode: 'plain' }),
  NetworkSettings: object({ Networks: map(object(attachment), every) }),
});

const bindings = map(list(object({ HostIp: 'plain', HostPort: 'plain' }), every), every);
const attachmentAsAsked = object({
  ...attachment,
  IPAMConfig: object({ IPv4Address: 'plain', IPv6Address: 'plain' }),
});

/** `GET /containers/{id}/json`. */
export const inspectShape: Members = object({
  Id: 'plain',
  Name: 'plain',
  Image: 'plain',
  State: object({ Running: 'plain', Pid: 'plain' }),
  Config: object({ Image: 'plain', Labels: ownLabels }),
  HostConfig: object({
    NetworkMode: 'plain',
    Dns: list('plain', every),
    PortBindings: bindings,
    Privileged: 'plain',
    CapAdd: list('plain', every),
    CapDrop: list('plain', every),
    UsernsMode: 'plain',
    PidMode: 'plain',
    LogConfig: object({ Type: 'plain', Config: map('plain', every) }),
  }),
  Mounts: list(object({ Type: 'plain', Name: 'plain', Source: 'plain', RW: 'plain' }), every),
  NetworkSettings: object({ Networks: map(attachmentAsAsked, every), Ports: bindings }),
});

/** Options by which it is decided what a network is; of others there is room for some. */
const options: Members = {
  kind: 'members',
  of: () => 'plain',
  others: 32,
  always: new Set([
    'com.docker.network.bridge.name',
    'com.docker.network.bridge.default_bridge',
    'com.docker.network.bridge.enable_icc',
    'com.docker.network.bridge.enable_ip_masquerade',
    'com.docker.network.bridge.gateway_mode_ipv4',
    'com.docker.network.bridge.gateway_mode_ipv6',
    'com.docker.network.bridge.host_binding_ipv4',
    'com.docker.network.bridge.inhibit_ipv4',
    'com.docker.network.bridge.trusted_host_interfaces',
    'com.docker.network.driver.mtu',
    'parent',
    'macvlan_mode',
    'ipvlan_mode',
    'ipvlan_flag',
  ]),
};

/** An entry of `GET /networks`. */
export const networkShape: Members = object({
  Id: 'plain',
  Name: 'plain',
  Driver: 'plain',
  Internal: 'plain',
  EnableIPv6: 'plain',
  IPAM: object({ Config: list(object({ Subnet: 'plain', Gateway: 'plain' }), every) }),
  Options: options,
  Labels: ownLabels,
});

const text = String.raw`"(?:[^"\\]|\\.)*"`;
const ofContainer = new RegExp(String.raw`^\{"Id":"([0-9a-f]{64})"(?:,"Names":\[(${text}))?`);
const ofNetwork = new RegExp(String.raw`^\{"Name":(${text}),"Id":"([0-9a-z]{25,64})"(?:,"Driver":(${text}))?`);

/** Who it is that says more than is kept, from the beginning of that, in the order every engine writes it; undefined where it does not say. */
export function unreadableContainer(beginning: string): UnreadableContainer | undefined {
  const [, id, name] = ofContainer.exec(beginning) ?? [];
  if (id === undefined) return undefined;
  return { id, name: name === undefined ? id.slice(0, 12) : (JSON.parse(name) as string).replace(/^\//, '') };
}

/**
 * The same of a network. What is not known of it is left out, so that its containers are on it all the same, with its
 * bridge where that is called as the engine calls it.
 */
export function unreadableNetwork(beginning: string): NetworkDetails | undefined {
  const [, name, id, driver] = ofNetwork.exec(beginning) ?? [];
  if (name === undefined || id === undefined) return undefined;
  return {
    id,
    name: JSON.parse(name) as string,
    driver: driver === undefined ? 'unknown' : (JSON.parse(driver) as string),
    internal: false,
    subnets: [],
    options: new Map(),
    labels: new Map(),
  };
}
