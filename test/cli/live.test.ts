import { expect, test } from 'vitest';
import { crc32c, payloadOf } from '../../src/cli/live/raw-payload.ts';
import { sourceMark } from '../../src/cli/live/source-mark.ts';
import type { TracedVerdict } from '../../src/nftables/trace-events.ts';
import { articleHost, articlePolicy } from './hosts.ts';

async function live(flaw: (port: number) => TracedVerdict | undefined, policy = articlePolicy) {
  const host = articleHost(policy);
  await host.sluice(['apply']);
  host.kernel.flaw = ({ port }) => flaw(port);
  const { out, code } = await host.sluice(['test', '--live', '--json']);
  const { probes, notSent } = JSON.parse(out) as { probes: { port: number; result: string }[]; notSent: unknown[] };
  return { code, notSent, results: Object.fromEntries(probes.map(({ port, result }) => [port, result])) };
}

test('kernel and policy agree', async () => {
  expect(await live(() => undefined)).toMatchObject({ code: 0, results: { 22: 'holds', 3128: 'holds' } });
});

test.each([
  ['lets pass what the policy denies', 22, 'accepted', 'differs', 1],
  ['denies what the policy allows', 3128, 'denied', 'differs', 1],
  ['audits what the policy denies', 22, 'audited', 'differs', 1],
  ['does not see a packet that is to be denied', 22, 'not-seen', 'unproven', 1],
  ['does not see a packet that is to pass', 3128, 'not-seen', 'unproven', 1],
  ['never gets to judge what is to be denied', 22, 'not-judged', 'elsewhere', 0],
  ['never gets to judge what is to pass', 3128, 'not-judged', 'fails', 1],
] as const)('a kernel that %s', async (_, port, verdict, result, code) => {
  const found = await live((one) => (one === port ? verdict : undefined));
  expect(found.results[port]).toBe(result);
  expect(found.code).toBe(code);
});

test('a denial that audit only counts is met, since tests read modes as enforce', async () => {
  expect(await live(() => undefined, articlePolicy.replace('enforce', 'audit'))).toMatchObject({
    code: 0,
    results: { 22: 'holds' },
  });
});

test('entries that are no place, and workloads that do not run, are said to be untried', async () => {
  const policy = articlePolicy
    .replace('deny: ["192', 'deny: ["multicast:22/udp", "192')
    .replace('allow: ["192.168.100.1:3128", "project', 'allow: ["project');
  const { notSent } = await live(
    () => undefined,
    `${policy}  - { from: app/*, deny: ["10.0.0.1:1"] }\n  - { from: container/x, deny: ["10.0.0.1:1"] }\n`.replace(
      'projects:',
      'containers: { x: { allow: none } }\nprojects:',
    ),
  );
  expect(notSent).toEqual([
    { from: 'app/app', to: 'multicast:22/udp', reason: 'it is no place to send to: name an address' },
    { from: 'container/x', to: '10.0.0.1:1', reason: 'no container of it runs' },
  ]);
});

test('nothing sent is nothing proven', async () => {
  const found = await live(() => undefined, articlePolicy.replace(/tests:[\s\S]*/, ''));
  expect(found).toMatchObject({ code: 1, results: {} });
});

test('probes of other protocols begin with the bytes the trace looks for, and their checksums are right', () => {
  const sum = (bytes: Buffer) => {
    let total = 0;
    for (let at = 0; at < bytes.length; at += 2) total += bytes.readUInt16BE(at);
    return (total & 0xffff) + (total >>> 16);
  };
  expect(sum(payloadOf(1, 4, 4711, 0))).toBe(0xffff);
  for (const [protocol, family] of [
    [1, 4],
    [58, 6],
    [47, 4],
    [132, 4],
    [89, 6],
  ] as const)
    expect(payloadOf(protocol, family, 4711, 5).readUInt16BE(0)).toBe(sourceMark(protocol, 4711));
  expect(payloadOf(132, 4, 1, 2).subarray(12, 16)).toEqual(Buffer.from([1, 0, 0, 20]));
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa); // RFC 3720 appendix B.4, bytes aa 36 91 8a
});
