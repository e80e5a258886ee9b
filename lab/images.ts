/** Images of our own making: static tools in an otherwise empty root, brought in by `docker import`. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { cacheDir, locked, ownTag } from './cache.ts';
import { must } from './exec.ts';
import type { Tools } from './tools.ts';

/** What an image is besides its files. */
export interface ImageSpec {
  /** `NAME` or `NAME:TAG`. */
  name: string;
  labels?: Record<string, string> | undefined;
  entrypoint?: readonly string[] | undefined;
  cmd?: readonly string[] | undefined;
}

/** The ports that `lab/app` serves when told nothing else: the article's services and a few more. */
export const appPorts = {
  tcp: [22, 80, 443, 3000, 5432, 8080, 9200, 27017],
  udp: [53, 80, 123, 514, 5353, 9200],
} as const;

/** `lab/app`: every service of the article's project. */
export const appImage: ImageSpec = {
  name: 'lab/app',
  entrypoint: ['/labtool', 'serve'],
  cmd: ['tcp', ...appPorts.tcp.map(String), 'udp', ...appPorts.udp.map(String)],
};

const applets = [
  'sh',
  'ls',
  'cat',
  'echo',
  'ip',
  'nc',
  'ping',
  'sleep',
  'env',
  'ps',
  'kill',
  'id',
  'arping',
  'route',
  'wget',
];

/** The tar of the file system that all images share, made once per version of the tools. Returns its path. */
export async function imageTar(tools: Tools): Promise<string> {
  const key = createHash('sha256')
    .update(tools.labtool)
    .update(tools.first)
    .update(applets.join())
    .digest('hex')
    .slice(0, 12);
  const tar = join(cacheDir('tools'), `image-${key}.tar`);
  if (existsSync(tar)) return tar;
  return await locked('image', async () => {
    if (existsSync(tar)) return tar;
    const dir = join(cacheDir('tmp'), `${ownTag()}.image`);
    rmSync(dir, { recursive: true, force: true });
    for (const sub of ['bin', 'etc', 'tmp', 'root', 'dev', 'proc', 'sys', 'run'])
      mkdirSync(join(dir, sub), { recursive: true });
    copyFileSync(tools.labtool, join(dir, 'labtool'));
    copyFileSync(tools.first, join(dir, 'first'));
    copyFileSync(tools.busybox, join(dir, 'bin/busybox'));
    chmodSync(join(dir, 'labtool'), 0o755);
    chmodSync(join(dir, 'first'), 0o755);
    chmodSync(join(dir, 'bin/busybox'), 0o755);
    for (const name of applets) symlinkSync('busybox', join(dir, 'bin', name));
    writeFileSync(join(dir, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n');
    writeFileSync(join(dir, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
    await must(['tar', '--numeric-owner', '-C', dir, '-cf', `${tar}.new`, '.']);
    renameSync(`${tar}.new`, tar);
    rmSync(dir, { recursive: true, force: true });
    return tar;
  });
}

/** The `docker import` changes that make `spec` of the shared file system. */
export function importArgs(spec: ImageSpec): string[] {
  const changes = ['ENV PATH=/bin'];
  if (spec.entrypoint !== undefined) changes.push(`ENTRYPOINT ${JSON.stringify(spec.entrypoint)}`);
  if (spec.cmd !== undefined) changes.push(`CMD ${JSON.stringify(spec.cmd)}`);
  for (const [key, value] of Object.entries(spec.labels ?? {})) changes.push(`LABEL ${key}=${JSON.stringify(value)}`);
  return changes.flatMap((change) => ['--change', change]);
}
