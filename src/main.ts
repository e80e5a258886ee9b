import { timerWord } from './cli/confirm/order.ts';
import { probeWord } from './cli/live/probe-protocol.ts';
import { run } from './cli/run.ts';
import { systemPorts } from './cli/system/ports.ts';

if (process.argv[2] === probeWord) await (await import('./cli/live/probe-child.ts')).serveProbes();
else if (process.argv[2] === timerWord) await (await import('./cli/system/timer-child.ts')).timerChild();
else process.exitCode = await run(process.argv.slice(2), systemPorts());
