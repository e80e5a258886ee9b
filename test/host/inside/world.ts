/** Prints the world of the host it runs on. */
import { connectEngine } from '../../../src/docker/client.ts';
import { findEngine } from '../../../src/docker/context.ts';
import { readWorld } from '../../../src/docker/snapshot.ts';
import { readSmallFile } from '../../../src/host/files.ts';
import { kernelView } from '../../../src/host/kernel-view.ts';
import { encodeWorld } from '../../../src/world/json.ts';

const engine = findEngine({ env: process.env, homeDirectory: '/root', readFile: readSmallFile });
if (engine.kind !== 'unix') throw new Error(engine.message);
console.log(JSON.stringify(encodeWorld(await readWorld(await connectEngine(engine), kernelView()))));
process.exit();
