import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { type Disk, replaceFile } from '../../state/replace.ts';
import { FileError, type Files, type Ownership } from '../ports.ts';

const permissionBits = 0o7777;
const smallest = 4096; // bytes

/** Tells what is being written apart from what else this process writes. */
let replaced = 0;

const systemDisk: Disk = {
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  async writeThrough(path, text) {
    await using file = await open(path, 'w', 0o600);
    await file.writeFile(text);
    await file.sync();
  },
  rename,
  async syncDirectory(path) {
    await using folder = await open(path, 'r');
    await folder.sync();
  },
  async remove(path) {
    await rm(path, { force: true });
  },
};

/** The file system. */
export const systemFiles: Files = {
  async read(path, limit) {
    // O_NONBLOCK: opening a FIFO must not wait for a writer
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const facts = await file.stat();
    if (!facts.isFile()) throw new FileError(`${path} is not a file`);
    if (facts.size > limit) throw new FileError(`${path} has ${facts.size} bytes; at most ${limit} are read`);
    // files of /proc have no size, and others may grow while they are read
    let buffer = Buffer.allocUnsafe(Math.max(facts.size + 1, smallest));
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      length += bytesRead;
      if (bytesRead === 0) break;
      if (length > limit) throw new FileError(`${path} has more than ${limit} bytes`);
      if (length === buffer.length) buffer = Buffer.concat([buffer], length * 2);
    }
    return { text: decode(path, buffer.subarray(0, length)), owner: ownershipOf(facts) };
  },

  async list(path) {
    try {
      return await readdir(path);
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error;
    }
  },

  async directory(path) {
    return ownershipOf(await stat(path));
  },

  async replace(path, text) {
    replaced += 1;
    await replaceFile(systemDisk, path, text, `${process.pid}-${replaced}`);
  },

  rename,

  async remove(path) {
    try {
      await rm(path);
      return true;
    } catch (error) {
      if (isAbsent(error)) return false;
      throw error;
    }
  },
};

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new FileError(`${path} is not UTF-8 text`);
  }
}

function ownershipOf({ uid, gid, mode }: Ownership): Ownership {
  return { uid, gid, mode: mode & permissionBits };
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
