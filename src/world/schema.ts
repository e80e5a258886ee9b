import * as z from 'zod';
import { parseAddress } from '../ip/address.ts';
import { isPrefix, parsePrefix } from '../ip/prefix.ts';
import { isInterfaceName, isMac } from './names.ts';
import type { World } from './world.ts';

const address = z.string().transform((text, context) => {
  const parsed = parseAddress(text);
  if (parsed !== undefined) return parsed;
  context.addIssue(`not an IP address: ${JSON.stringify(text)}`);
  return z.NEVER;
});

const prefix = z.string().transform((text, context) => {
  const parsed = parsePrefix(text);
  if (isPrefix(parsed)) return parsed;
  context.addIssue(`not a prefix: ${JSON.stringify(text)}`);
  return z.NEVER;
});

const interfaceName = z.string().refine(isInterfaceName, 'not a name of a network interface');
const mac = z.string().refine(isMac, 'not a MAC address in lower case with colons');
const index = z.int().positive();
const port = z.int().min(0).max(65535);
const id = z.string().min(1);
const netInterface = { name: interfaceName, index };

// not z.record: it drops a key called "__proto__", and labels may be called anything
function texts(what: string) {
  const message = `${what} are an object of texts`;
  return z
    .custom<Record<string, unknown>>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), {
      message,
    })
    .transform((value, context): ReadonlyMap<string, string> => {
      const entries = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
      if (entries.length === Object.keys(value).length) return new Map(entries);
      context.addIssue(message);
      return z.NEVER;
    });
}

const network = z.strictObject({
  id,
  name: z.string(),
  driver: z.string(),
  bridge: z.strictObject({ ...netInterface, mac, foreignPorts: z.array(z.string()).exactOptional() }).nullable(),
  oddBridge: z.strictObject({ name: z.string(), index }).optional(),
  subnets: z.array(prefix),
  gateways: z.array(address),
  internal: z.boolean(),
  ipv6: z.boolean().optional(),
  routers: z.array(address).optional(),
  options: texts('options').optional(),
  project: z.string().nullable(),
  composeKey: z.string().nullable(),
});

const endpoint = z.strictObject({
  network: z.string(),
  addresses: z.array(address),
  fixed: z.array(address).exactOptional(),
  mac: mac.nullable(),
  port: z.strictObject(netInterface).nullable(),
});

const container = z.strictObject({
  id,
  name: z.string(),
  image: z.string(),
  running: z.boolean(),
  pid: z.int().positive().nullable(),
  project: z.string().nullable(),
  service: z.string().nullable(),
  labels: texts('labels'),
  composeFiles: z.array(z.string()),
  networkMode: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('networks') }),
    z.strictObject({ kind: z.literal('host') }),
    z.strictObject({ kind: z.literal('none') }),
    z.strictObject({ kind: z.literal('container'), container: z.string() }),
  ]),
  endpoints: z.array(endpoint),
  published: z.array(
    z.strictObject({
      protocol: z.enum(['tcp', 'udp', 'sctp']),
      hostAddress: address.nullable(),
      hostPort: port,
      containerPort: port,
    }),
  ),
  routed: z
    .array(
      z.strictObject({
        protocol: z.enum(['tcp', 'udp', 'sctp']),
        family: z.literal([4, 6]),
        containerPort: port,
      }),
    )
    .optional(),
  resolvers: z.array(address),
  lookupsFromHost: z.literal(true).optional(),
  powers: z
    .strictObject({
      privileged: z.boolean(),
      capabilities: z.array(z.string()),
      engineSockets: z.array(z.string()),
      hostUsers: z.boolean(),
      hostProcesses: z.boolean().optional(),
      processesOf: z.string().optional(),
      mapped: z.literal(true).optional(),
    })
    .optional(),
  dropped: z.array(z.string()).optional(),
  mounts: z
    .array(
      z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('bind'), path: z.string(), writable: z.boolean() }),
        z.strictObject({ kind: z.literal('volume'), volume: z.string(), writable: z.boolean() }),
      ]),
    )
    .optional(),
  logging: z.strictObject({ driver: z.string(), address: z.string().nullable() }).optional(),
  unproven: z.literal(true).optional(),
  imageLabels: z.array(z.string()).optional(),
});

/** The JSON form of a world, version 1. */
export const worldSchema = z
  .strictObject({
    version: z.literal(1, 'this reads worlds of version 1: make the file with "sluice world" of this release'),
    engine: z.strictObject({ version: z.string(), apiVersion: z.string(), hostGateway: z.array(address) }),
    host: z.strictObject({
      name: z.string(),
      addresses: z.array(z.strictObject({ interface: z.string(), address, length: z.int().min(0).max(128) })),
      bridgeNetfilter: z.strictObject({ ip: z.boolean(), ip6: z.boolean() }).nullable(),
      bridges: z.array(interfaceName).optional(),
    }),
    networks: z.array(network),
    containers: z.array(container),
    unidentified: z.array(z.strictObject({ id, name: z.string(), reason: z.string() })).optional(),
  })
  .superRefine((world, context) => {
    const known = new Set(world.networks.flatMap((one) => [one.id, one.name]));
    world.containers.forEach(({ endpoints }, at) => {
      endpoints.forEach((one, number) => {
        if (!known.has(one.network))
          context.addIssue({
            code: 'custom',
            path: ['containers', at, 'endpoints', number, 'network'],
            message: `no network ${JSON.stringify(one.network)} in this world`,
          });
      });
    });
  })
  .transform(
    ({ engine, host, networks, containers, unidentified }): World => ({
      engine,
      host,
      networks,
      containers,
      ...(unidentified === undefined ? {} : { unidentified }),
    }),
  );
