import { isScalar, isSeq, type Node } from 'yaml';
import { type Address, addressOf, parseAddress } from '../ip/address.ts';
import { isPrefix, type Prefix, parsePrefix } from '../ip/prefix.ts';
import { networkOf, projectName } from '../policy/compose-names.ts';
import { Reader } from '../policy/reader.ts';
import { type PolicyText, readYaml } from '../policy/yaml-text.ts';
import { isInterfaceName } from '../world/names.ts';

/** What a compose file says of addresses, for a project that is down. Variables are not followed. */
export interface ComposeProject {
  readonly file: string;
  readonly project: string;
  readonly networks: readonly ComposeNetwork[];
  readonly services: readonly ComposeService[];
}

export interface ComposeNetwork {
  readonly key: string;
  readonly engineName: string;
  /** Those that it fixes. */
  readonly subnets: readonly Prefix[];
  readonly gateways: readonly Address[];
  /** `com.docker.network.bridge.name`. */
  readonly bridge: string | null;
}

export interface ComposeService {
  readonly name: string;
  /** By key; none where it has no network of its own (`network_mode`). */
  readonly networks: readonly { readonly key: string; readonly fixed: readonly Address[] }[];
  /** Whether it publishes ports on the host. */
  readonly publishes: boolean;
}

/**
 * Reads networks and services of a compose file. What is odd in it is Compose's business and passed over.
 *
 * @returns undefined when its project cannot be told
 */
export function readComposeProject(text: PolicyText): ComposeProject | undefined {
  const ignore = () => undefined;
  const yaml = readYaml(text, ignore);
  if (yaml?.root === null || yaml === undefined) return undefined;
  const reader = new Reader(yaml, ignore, true);
  const root = childrenOf(yaml.root, reader);
  const place = { file: text.path, line: 0, column: 0, text: '' };
  const project = projectName(root.get('name'), reader, place);
  if (project === undefined) return undefined;
  const written = childrenOf(root.get('networks'), reader);
  const keys = [...new Set([...written.keys(), 'default'])];
  const services = [...childrenOf(root.get('services'), reader)].map(([name, node]) => readService(name, node, reader));
  const used = new Set(services.flatMap(({ networks }) => networks.map(({ key }) => key)));
  return {
    file: text.path,
    project,
    services,
    networks: keys.filter((key) => used.has(key)).map((key) => readNetwork(key, written.get(key), project, reader)),
  };
}

function readNetwork(key: string, node: Node | undefined, project: string, reader: Reader): ComposeNetwork {
  const engineName = node === undefined ? `${project}_${key}` : networkOf(key, node, project, reader).engineName;
  const fields = childrenOf(node, reader);
  const config = childrenOf(fields.get('ipam'), reader).get('config');
  const entries = itemsOf(config, reader).map((item) => childrenOf(item, reader));
  const subnets = entries.flatMap((entry): Prefix[] => {
    const subnet = parsePrefix(textOf(entry.get('subnet'), reader) ?? '');
    return isPrefix(subnet) ? [subnet] : [];
  });
  const gateways = entries.flatMap((entry) => parseAddress(textOf(entry.get('gateway'), reader) ?? '') ?? []);
  const name = textOf(childrenOf(fields.get('driver_opts'), reader).get('com.docker.network.bridge.name'), reader);
  return {
    key,
    engineName,
    subnets,
    // where none is written it is the first address (moby, libnetwork/ipam)
    gateways:
      gateways.length > 0 ? gateways : subnets.map(({ address }) => addressOf(address.family, address.value + 1n)),
    bridge: name !== undefined && isInterfaceName(name) ? name : null,
  };
}

function readService(name: string, node: Node, reader: Reader): ComposeService {
  const fields = childrenOf(node, reader);
  const publishes = itemsOf(fields.get('ports'), reader).length > 0;
  if (fields.has('network_mode')) return { name, networks: [], publishes };
  const networks = fields.get('networks');
  const listed = itemsOf(networks, reader).flatMap((item) => textOf(item, reader) ?? []);
  const mapped = [...childrenOf(networks, reader)].map(([key, value]) => {
    const own = childrenOf(value, reader);
    const fixed = ['ipv4_address', 'ipv6_address'].flatMap(
      (field) => parseAddress(textOf(own.get(field), reader) ?? '') ?? [],
    );
    return { key, fixed };
  });
  const all = [...listed.map((key) => ({ key, fixed: [] })), ...mapped];
  return { name, networks: all.length > 0 ? all : [{ key: 'default', fixed: [] }], publishes };
}

function childrenOf(node: Node | undefined, reader: Reader): ReadonlyMap<string, Node> {
  const entries = node === undefined ? [] : (reader.entries(node, '') ?? []);
  return new Map(entries.map(({ key, value }) => [key.text, value]));
}

function itemsOf(node: Node | undefined, reader: Reader): readonly Node[] {
  const list = node && reader.open(node);
  return isSeq(list) ? (list.items as readonly Node[]) : [];
}

function textOf(node: Node | undefined, reader: Reader): string | undefined {
  const value = node && reader.open(node);
  return isScalar(value) && typeof value.value === 'string' ? value.value : undefined;
}
