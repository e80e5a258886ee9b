import { spawn } from 'node:child_process';
import { type TimerOrder, timerWord } from '../confirm/order.ts';
import { CliError } from '../error.ts';

const patience = 10_000; // ms to start

/**
 * Our own program again, as a process that outlives us: in a session of its own, so that no terminal's end reaches it,
 * with nothing of ours open, in the root directory. It says over IPC that it waits; then we let go of it.
 *
 * @throws CliError when it does not come up
 */
export function startTimer(order: TimerOrder): Promise<void> {
  const [node, main] = [process.execPath, process.argv[1] ?? ''];
  return new Promise((resolve, reject) => {
    const child = spawn(node, [main, timerWord, JSON.stringify(order)], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const fail = (reason: string) => {
      clearTimeout(late);
      reject(
        new CliError(
          'unable',
          `the process that would take the change back did not start: ${reason}`,
          'nothing was changed',
        ),
      );
    };
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`no word from it within ${patience / 1000} s`);
    }, patience);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => fail(`it ended (${signal ?? code})`));
    child.once('message', () => {
      clearTimeout(late);
      child.removeAllListeners();
      child.disconnect();
      child.unref();
      resolve();
    });
  });
}
