import { expect, test } from 'vitest';
import { type PathEvent, parsePathLine, pathTraceOf, pathVerdict } from '../../src/nftables/path-trace.ts';
import { placed } from '../../src/nftables/trace-place.ts';

/** The kernel's trace of one packet, as `nft -a monitor trace` words it, and what is read of it. */
test.each<[string, Partial<PathEvent>]>([
  [
    'ip filter A rule ip daddr 192.0.2.1 counter packets 0 bytes 0 drop # handle 12 (verdict drop)',
    { rule: 'ip daddr 192.0.2.1 counter packets 0 bytes 0 drop', handle: 12, verdict: 'drop' },
  ],
  [
    'ip filter A rule counter drop comment "x # handle 5 (verdict y" # handle 12 (verdict drop)',
    { rule: 'counter drop comment "x # handle 5 (verdict y"', handle: 12, verdict: 'drop' },
  ],
  ['ip filter A rule counter drop (verdict drop)', { rule: 'counter drop', handle: null, verdict: 'drop' }],
  ['ip filter A unknown rule handle 9 (verdict jump B)', { rule: null, handle: 9, verdict: 'jump B' }],
  ['ip filter A policy drop', { rule: null, handle: null, verdict: 'drop' }],
  ['ip filter A verdict continue', { rule: null, handle: null, verdict: 'continue' }],
])('%s', (line, event) => {
  expect(parsePathLine(`trace id 6c1d9ad3 ${line}`)).toEqual({
    family: 'ip',
    table: 'filter',
    chain: 'A',
    place: null,
    ...event,
  });
});

const own = (chain: string): PathEvent => ({
  family: 'inet',
  table: 'ours',
  chain,
  rule: null,
  handle: null,
  place: null,
  verdict: 'accept',
});

test('what the host sends to itself passed when it came through input, which it comes to after postrouting', () => {
  const sent = ['begins-output', 'ends-output', 'begins-postrouting', 'ends-postrouting'].map(own);
  const received = ['begins-prerouting', 'ends-prerouting', 'begins-input'].map(own);
  const trace = pathTraceOf([...sent, ...received], 'ours');
  expect(trace.began).toEqual(['output', 'postrouting', 'prerouting', 'input']);
  expect(pathVerdict(trace)).toBe('stopped');
  expect(pathVerdict(pathTraceOf([...sent, ...received, own('ends-input')], 'ours'))).toBe('passed');
});

const listed = `# Warning: table ip filter is managed by iptables-nft, do not touch!
table ip filter {
	chain A { # handle 4
		ip saddr 192.0.2.1 counter packets 0 bytes 0 drop # handle 31
		ip saddr 192.0.2.1 counter packets 0 bytes 0 drop comment "# handle 1" # handle 9
		counter packets 0 bytes 0 jump B # handle 12
	}
}
`;

test('a traced rule has its place in its chain, of two that read alike its own', async () => {
  const asked: string[] = [];
  const event = (handle: number, verdict = 'drop'): PathEvent => ({ ...own('A'), handle, verdict });
  const events = [event(9), event(31, 'accept'), event(12, 'jump B'), event(77), own('A')];
  const found = await placed(events, async (args) => {
    asked.push(args.join(' '));
    return { code: 0, signal: null, stdout: listed, stderr: '' };
  });
  expect(found.map(({ place }) => place)).toEqual([2, 1, null, null, null]);
  expect(asked).toEqual(['-a list chain inet ours A']);
});

test('a chain that nft does not list tells no places', async () => {
  const event = { ...own('A'), handle: 9 };
  const gone = async () => ({ code: 1, signal: null, stdout: '', stderr: 'Error: No such file or directory' });
  expect(await placed([event], gone)).toEqual([event]);
});
