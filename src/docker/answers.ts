import * as z from 'zod';
import { type Address, parseAddress } from '../ip/address.ts';
import { isPrefix, parsePrefix } from '../ip/prefix.ts';
import { isMac } from '../world/names.ts';
import type { RoutedPort } from '../world/world.ts';
import type {
  Attachment,
  ContainerDetails,
  ContainerSummary,
  EngineInfo,
  EngineVersion,
  ImageDetails,
  NetworkDetails,
  PortBinding,
  VolumeDetails,
} from './engine-api.ts';
import { onlyOwn } from './own-labels.ts';
import { rightsOf } from './rights.ts';

/*
 * The engine's answers, reduced to what we read of them and checked field by field (Docker Engine API 1.41 to 1.51).
 * Unknown fields are let pass: every version adds some. Go writes an empty list or map as null.
 */

const hexId = z.string().regex(/^[0-9a-f]{64}$/, 'not an id of 64 hex digits');
/** It is asked about by it; that of a container of no image is empty. */
const imageId = z.string().regex(/^[\x21-\x7e]*$/, 'not the id of an image');

/*
 * What a compose file says stands in these answers as it was written, until the container starts: addresses, MACs and
 * ports. What cannot be read there is unknown of that one container, which then sends nothing that is proven; to refuse
 * the answer would mean to follow nobody any more.
 */

/** Go's zero value for "none yet" is the empty text; some answers leave the field out. */
const optionalAddress = z
  .string()
  .transform((text) => parseAddress(text))
  .optional();
const optionalMac = z.string().transform(macOf).optional();

/** A MAC in any of the forms that engines take (Go, net.ParseMAC), as they write it of a running container. */
function macOf(text: string): string | null {
  const digits = text.toLowerCase().replaceAll(/[:.-]/g, '');
  const mac = (digits.match(/../g) ?? []).join(':');
  return isMac(mac) && /^([0-9a-f]{2}[:-]){5}|^([0-9a-f]{4}\.){2}/i.test(text) ? mac : null;
}

// not z.record: it drops a key called "__proto__", and labels may be called anything
const mapLike = z.custom<Record<string, unknown> | null | undefined>(
  (value) => value === null || value === undefined || isObject(value),
  { message: 'not an object' },
);

/** An object by names we do not know, each value read by `schema`. */
function objectOf<T>(schema: z.ZodType<T>) {
  return mapLike.transform((value, context): readonly (readonly [string, T])[] =>
    Object.entries(value ?? {}).flatMap(([key, entry]) => {
      const result = schema.safeParse(entry);
      if (result.success) return [[key, result.data] as const];
      for (const { path, message } of result.error.issues)
        context.addIssue({ code: 'custom', path: [key, ...path], message });
      return [];
    }),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const textMap = objectOf(z.string()).transform((entries): ReadonlyMap<string, string> => new Map(entries));

/** The labels that anybody here reads. */
const labelMap = objectOf(z.string()).transform(onlyOwn);

const attachment = z.object({
  NetworkID: z.string().optional(),
  EndpointID: z.string().optional(),
  MacAddress: optionalMac,
  IPAddress: optionalAddress,
  GlobalIPv6Address: optionalAddress,
});

const attachments = objectOf(attachment).transform((entries): readonly Attachment[] =>
  entries.map(([name, { NetworkID = '', EndpointID = '', MacAddress = null, IPAddress, GlobalIPv6Address }]) => ({
    name,
    networkId: NetworkID,
    endpoint: EndpointID,
    addresses: [IPAddress, GlobalIPv6Address].filter((one) => one !== undefined),
    mac: MacAddress,
  })),
);

const ipamChoices = objectOf(
  z.object({
    IPAMConfig: z.object({ IPv4Address: optionalAddress, IPv6Address: optionalAddress }).nullish(),
  }),
).transform(
  (entries): ReadonlyMap<string, readonly Address[]> =>
    new Map(
      entries
        .map(([name, { IPAMConfig }]) => {
          const chosen = [IPAMConfig?.IPv4Address, IPAMConfig?.IPv6Address].filter((one) => one !== undefined);
          return [name, chosen] as const;
        })
        .filter(([, chosen]) => chosen.length > 0),
    ),
);

export const versionAnswer = z
  .object({ Version: z.string().min(1).max(100), ApiVersion: z.string().regex(/^\d{1,3}\.\d{1,3}$/) })
  .transform(({ Version, ApiVersion }): EngineVersion => ({ version: Version, apiVersion: ApiVersion }));

/** One container of the list. */
export const summaryAnswer = z
  .object({
    Id: hexId,
    Names: z.array(z.string()).nullable(),
    Image: z.string(),
    ImageID: z.string(),
    State: z.string(),
    Labels: labelMap,
    HostConfig: z.object({ NetworkMode: z.string().optional() }),
    NetworkSettings: z.object({ Networks: attachments }).nullish(),
  })
  .transform(
    ({ Id, Names, Image, ImageID, State, Labels, HostConfig, NetworkSettings }): ContainerSummary => ({
      id: Id,
      // links (docker run --link) give a container further names, which have a second slash
      name: bareName((Names ?? []).find((name) => name.lastIndexOf('/') <= 0) ?? Id.slice(0, 12)),
      image: Image,
      imageId: ImageID,
      running: State === 'running' || State === 'paused',
      labels: Labels,
      networkMode: HostConfig.NetworkMode ?? '',
      attachments: NetworkSettings?.Networks ?? [],
    }),
  );

export const containersAnswer = z.array(summaryAnswer);

const bindings = z.array(z.object({ HostIp: z.string().optional(), HostPort: z.string().optional() })).nullish();

const portKey = /^(\d{1,5})\/(tcp|udp|sctp)$/i;
type Protocol = PortBinding['protocol'];

/**
 * `{"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}`; null for a port that is only exposed. `open` are those
 * without a host's port: of a running container they are what a network of gateway mode `routed` lets in.
 *
 * What was asked for may be no port at all (the engine refuses it when the container starts), or one that the engine
 * chooses (0): then none is published yet. An address of the host that is none counts as all of them.
 */
const portMap = objectOf(bindings).transform((entries) => {
  const bound: PortBinding[] = [];
  const open: RoutedPort[] = [];
  for (const [key, list] of entries) {
    const [, portText = '', word = ''] = portKey.exec(key) ?? [];
    const protocol = word.toLowerCase();
    const containerPort = Number(portText);
    for (const { HostIp = '', HostPort = '' } of list ?? []) {
      const hostAddress = parseAddress(HostIp.split('%')[0] ?? '') ?? null;
      if (!/^\d+$/.test(HostPort)) {
        // configured without a port, or as a range: known once it is bound
        if (HostPort === '' && hostAddress && isPort(containerPort))
          open.push({ protocol: protocol as Protocol, family: hostAddress.family, containerPort });
        continue;
      }
      const hostPort = Number(HostPort);
      if (isPort(containerPort) && isPort(hostPort))
        bound.push({ protocol: protocol as Protocol, containerPort, hostAddress, hostPort });
    }
  }
  return { bound, open };
});

function isPort(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value < 65536;
}

export const containerAnswer = z
  .object({
    Id: hexId,
    Name: z.string().min(1),
    Image: imageId,
    State: z.object({ Running: z.boolean(), Pid: z.int().min(0) }),
    Config: z.object({ Image: z.string(), Labels: labelMap }),
    HostConfig: z.object({
      NetworkMode: z.string(),
      Dns: z.array(z.string()).nullish(),
      PortBindings: portMap,
      Privileged: z.boolean().optional(),
      CapAdd: z.array(z.string()).nullish(),
      CapDrop: z.array(z.string()).nullish(),
      UsernsMode: z.string().optional(),
      PidMode: z.string().optional(),
      LogConfig: z.object({ Type: z.string().optional(), Config: textMap }).nullish(),
    }),
    Mounts: z
      .array(
        z.object({
          Type: z.string().optional(),
          Name: z.string().optional(),
          Source: z.string().optional(),
          RW: z.boolean().optional(),
        }),
      )
      .nullish(),
    NetworkSettings: z.object({ Networks: z.unknown(), Ports: portMap }).transform(({ Networks, Ports }, context) => {
      const [attached, chosen] = [attachments.safeParse(Networks), ipamChoices.safeParse(Networks)];
      for (const { path, message } of [...(attached.error?.issues ?? []), ...(chosen.error?.issues ?? [])])
        context.addIssue({ code: 'custom', path: ['Networks', ...path], message });
      return { Networks: attached.data ?? [], fixed: chosen.data ?? new Map<string, readonly Address[]>(), Ports };
    }),
  })
  .transform(({ Id, Name, Image, State, Config, HostConfig, Mounts, NetworkSettings }): ContainerDetails => {
    const running = State.Running && State.Pid > 0; // between two restarts it is "running" without a process
    return {
      id: Id,
      name: bareName(Name),
      image: Config.Image,
      imageId: Image,
      running,
      pid: running ? State.Pid : null,
      labels: Config.Labels,
      networkMode: HostConfig.NetworkMode,
      attachments: NetworkSettings.Networks,
      dns: (HostConfig.Dns ?? []).flatMap((text) => parseAddress(text.split('%')[0] ?? '') ?? []),
      bindings: (running ? NetworkSettings.Ports : HostConfig.PortBindings).bound,
      routed: running ? NetworkSettings.Ports.open : [],
      ...rightsOf(HostConfig, Mounts ?? []),
      ...(NetworkSettings.fixed.size === 0 ? {} : { fixed: NetworkSettings.fixed }),
    };
  });

const subnet = z.string().transform((text) => {
  const parsed = parsePrefix(text);
  if (isPrefix(parsed)) return parsed;
  return parsed.kind === 'host-bits' ? parsed.meant : undefined; // as the engine's own --bip writes it
});

const ipamConfig = z.object({
  Subnet: subnet.optional(),
  Gateway: z.string().optional(), // IPAM drivers may write anything, also with a prefix length
});

export const networksAnswer = z.array(
  z
    .object({
      Id: z.string().regex(/^[0-9a-z]{25,64}$/, 'not the id of a network'), // Swarm's ids are base 36
      Name: z.string(),
      Driver: z.string(),
      Internal: z.boolean(),
      EnableIPv6: z.boolean().optional(),
      IPAM: z.object({ Config: z.array(ipamConfig).nullish() }).nullish(),
      Options: textMap,
      Labels: labelMap,
    })
    .transform(
      ({ Id, Name, Driver, Internal, EnableIPv6, IPAM, Options, Labels }): NetworkDetails => ({
        id: Id,
        name: Name,
        driver: Driver,
        internal: Internal,
        subnets: (IPAM?.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []),
        ...(EnableIPv6 === undefined ? {} : { ipv6: EnableIPv6 }),
        routers: (IPAM?.Config ?? []).flatMap(({ Gateway = '' }) => parseAddress(Gateway.split('/')[0] ?? '') ?? []),
        options: Options,
        labels: Labels,
      }),
    ),
);

export const imageAnswer = z
  .object({ Config: z.object({ Labels: labelMap }).nullish() })
  .transform(({ Config }): ImageDetails => ({ labels: Config?.Labels ?? new Map() }));

export const volumesAnswer = z
  .object({ Volumes: z.array(z.object({ Name: z.string(), Driver: z.string(), Options: textMap })).nullish() })
  .transform(({ Volumes }): readonly VolumeDetails[] =>
    (Volumes ?? []).map(({ Name, Driver, Options }) => ({ name: Name, driver: Driver, options: Options })),
  );

export const infoAnswer = z
  .object({
    DockerRootDir: z.string().optional(),
    FirewallBackend: z.object({ Driver: z.string().max(100) }).nullish(),
    SecurityOptions: z.array(z.string()).nullish(),
  })
  .transform(
    ({ DockerRootDir, FirewallBackend, SecurityOptions }): EngineInfo => ({
      dataFolder: DockerRootDir || null,
      firewallBackend: FirewallBackend?.Driver || null,
      // "name=userns", with more of the option behind a comma
      mapsUsers: (SecurityOptions ?? []).some((option) => option.split(',').includes('name=userns')),
    }),
  );

function bareName(name: string): string {
  return name.startsWith('/') ? name.slice(1) : name;
}
