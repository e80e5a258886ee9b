/** One look for drift, in a thread of its own: see seen.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Tools } from '../iptables/tools.ts';
import { lookingCommand, seeStanding, type Told } from './seen.ts';

const seen = await seeStanding({ run: lookingCommand, tools: workerData as Tools });
const told: Told = { whole: await seen.whole(), parts: await seen.parts() };
parentPort?.postMessage(told);
