import { describe, expect, test } from 'vitest';
import { paintWith } from '../../src/cli/paint.ts';
import { changeLines } from '../../src/cli/plan-text.ts';
import { parseAddress } from '../../src/ip/address.ts';

const [now, hour] = [1_800_000_000_000, 3_600_000];
const to = parseAddress('192.168.5.5') ?? expect.fail('an address');
const view = { paint: paintWith(false), width: 200 };
const connection = (container: string, port: number, hours: number | null) => ({
  workload: 'shop/app',
  container,
  to,
  protocol: 6,
  port,
  since: hours === null ? null : now - hours * hour,
});

describe('live connections that would be cut', () => {
  test.each([
    ['one', [connection('a', 22, 2)], '1 live connection: 192.168.5.5:22/tcp (for 2 hours)'],
    [
      'several to one place, by number and the oldest',
      [connection('a', 22, 2), connection('a', 22, 5), connection('a', 22, null)],
      '3 live connections: 192.168.5.5:22/tcp (3, the oldest for 5 hours)',
    ],
    [
      'of several containers, each by its name',
      [connection('a', 22, 2), connection('b', 22, 5)],
      '2 live connections: a to 192.168.5.5:22/tcp (for 2 hours), b to 192.168.5.5:22/tcp (for 5 hours)',
    ],
    ['of an age that nobody knows', [connection('a', 22, null)], '1 live connection: 192.168.5.5:22/tcp (age unknown)'],
  ])('%s', (_what, cut, expected) => {
    expect(changeLines([], cut, view, now).join('\n')).toMatch(new RegExp(`cuts +${RegExp.escape(expected)}$`));
  });

  test('when they are cut already, by place and number alone', () => {
    expect(changeLines([], [connection('a', 22, 2), connection('a', 22, 5)], view).join('\n')).toMatch(/tcp \(2\)$/);
  });
});
