import { expect, test } from 'vitest';
import { lastLinePort } from '../../src/daemon/last-line-port.ts';
import { errnos, NetlinkError } from '../../src/netlink/error.ts';

const nobody = { strict: [], enrolled: [] };
/** A last line that is held as it says, or refused with an errno. */
const line = (answer: boolean | number) => ({
  hold(): boolean {
    if (typeof answer === 'boolean') return answer;
    throw new NetlinkError('refused', 'the kernel refused it', answer);
  },
  narrow() {},
});

test.each([
  ['stands', true, 0],
  ['unsupported', false, 1],
  ['taken', errnos.EEXIST, 1],
  ['taken', errnos.EPERM, 1],
  ['failed', errnos.ENOBUFS, 1],
] as const)('it says that it is %s, and tells the log once however often it is tried', (state, answer, lines) => {
  const log: string[] = [];
  const port = lastLinePort(line(answer), (level, text) => log.push(`${level} ${text}`));
  expect(port.state).toBe('failed');
  for (let times = 0; times < 3; times++) {
    port.narrow(nobody);
    port.hold(nobody);
  }
  expect(port.state).toBe(state);
  expect(log).toHaveLength(lines);
});

test('what was in its way may go', () => {
  const log: string[] = [];
  let taken = true;
  const changing = { hold: () => line(taken ? errnos.EEXIST : true).hold(), narrow() {} };
  const port = lastLinePort(changing, (_level, text) => log.push(text));
  port.hold(nobody);
  taken = false;
  port.hold(nobody);
  expect([port.state, log.length]).toEqual(['stands', 1]);
  taken = true;
  port.hold(nobody);
  expect([port.state, log.length]).toEqual(['taken', 2]);
});
