import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type ReadFile, readSmallFile } from './files.ts';
import { isOutsideContainers } from './pid-namespace.ts';

/** A port of the host that a docker-proxy listens on. */
export interface ProxyListener {
  readonly process: number;
  readonly protocol: string;
  readonly address: string;
  readonly port: number;
}

/** What of /proc is read; the real one is {@link processFiles}. */
export interface ProcessFiles {
  readonly list: () => readonly string[];
  readonly read: ReadFile;
}

export const processFiles: ProcessFiles = { list: () => readdirSync('/proc'), read: readSmallFile };

/**
 * The docker-proxy processes of this host, by their command lines (moby, cmd/docker-proxy: `-proto tcp -host-ip 0.0.0.0
 * -host-port 80 -container-ip … -container-port …`, Go's flags with one dash).
 * A container's program of that name is none.
 */
export function dockerProxies({ list, read }: ProcessFiles): readonly ProxyListener[] {
  return list()
    .filter((name) => /^[1-9][0-9]*$/.test(name))
    .flatMap((pid) => {
      const [program = '', ...args] = (read(`/proc/${pid}/cmdline`) ?? '').split('\0');
      const isProxy = /(^|\/)docker-proxy$/.test(program) && isOutsideContainers(Number(pid), read);
      return isProxy ? listenerOf(Number(pid), args) : [];
    });
}

function listenerOf(process: number, args: readonly string[]): readonly ProxyListener[] {
  const { values } = parseArgs({
    args: args.map((word) => word.replace(/^-(?=[a-z])/, '--')),
    strict: false,
    allowPositionals: true,
    options: { proto: { type: 'string' }, 'host-ip': { type: 'string' }, 'host-port': { type: 'string' } },
  });
  const { proto, 'host-ip': address, 'host-port': port } = values;
  if (typeof proto !== 'string' || typeof address !== 'string' || !/^\d{1,5}$/.test(String(port))) return [];
  return [{ process, protocol: proto, address, port: Number(port) }];
}
