import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

test('a SIGHUP that comes before the daemon has begun does not end it', () => {
  const program = `
    const { systemPorts } = await import(${JSON.stringify(new URL('../../src/cli/system/ports.ts', import.meta.url).href)});
    const options = { config: '/nowhere', state: '/nowhere', socket: '/nowhere/socket', host: undefined, backend: null, watch: false, log() {} };
    const ended = systemPorts().runDaemon(options).catch(() => {});
    process.kill(process.pid, 'SIGHUP');
    await new Promise((resolve) => setTimeout(resolve, 100));
    console.log('lives');
    process.exit(0);`;
  const { stdout, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program]);
  expect({ signal, said: stdout.toString() }).toEqual({ signal: null, said: 'lives\n' });
});
