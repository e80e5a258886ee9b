import { type Address, formatAddress, parseAddress } from '../ip/address.ts';
import type { ReadFile } from './files.ts';

/** A server of a resolv.conf. */
export interface Nameserver {
  readonly address: Address;
  /** Whether it was written with a zone (`fe80::1%eth0`), which means something on the host only. */
  readonly zoned: boolean;
}

const hostFile = '/etc/resolv.conf';
const resolvedStub = '127.0.0.53';
const resolvedFile = '/run/systemd/resolve/resolv.conf';

/**
 * The host's resolvers as the engine takes them for containers: those of /etc/resolv.conf, unless its only one is
 * systemd-resolved's stub; then those resolved itself asks (moby, resolvconf_path.go, 19.03 to 29).
 */
export function hostNameservers(readFile: ReadFile): readonly Nameserver[] {
  const servers = parseResolvConf(readFile(hostFile) ?? '');
  const [only, ...more] = servers;
  const isStub = only !== undefined && more.length === 0 && formatAddress(only.address) === resolvedStub;
  if (!isStub) return servers;
  const behind = readFile(resolvedFile);
  return behind === undefined ? servers : parseResolvConf(behind);
}

/** The `nameserver` lines of resolv.conf(5), in their order; lines that name no address are skipped, as libc does. */
export function parseResolvConf(text: string): readonly Nameserver[] {
  return text.split('\n').flatMap((line) => {
    const [, server = ''] = /^[ \t]*nameserver[ \t]+([^ \t\r;#]+)/.exec(line) ?? [];
    const [bare = '', zone] = server.split('%');
    const address = parseAddress(bare);
    return address === undefined ? [] : [{ address, zoned: zone !== undefined }];
  });
}
