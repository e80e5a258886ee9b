import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { ended, until } from '../../lab/exec.ts';
import { firstCommand, firstImage, readTally } from '../../lab/first.ts';
import * as frames from '../../lab/frames.ts';
import { KernelEvents } from '../../lab/kernel-events.ts';
import { freshToken } from '../../lab/probe.ts';
import { EngineRelay } from '../../lab/relay.ts';
import { openSite, type Site } from '../../lab/site.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite({ engine: '28.5', brNetfilter: false });
  await site.host.compose('app', article({ ipv6: true, capAdd: ['NET_ADMIN'] }), 'up', '-d');
}, 300_000);
afterAll(() => site?.stop());
const slow = { timeout: 30_000 };

test('a stream counts what it sent and what came back, and every payload arrives', slow, async () => {
  for (const proto of ['udp', 'tcp'] as const) {
    const stream = await site.host.stream('app/app', { proto, to: site.private.v4, port: 9000, rate: 200, seconds: 1 });
    const report = await stream.report();
    expect(report.sent).toBeGreaterThan(180);
    expect(report.answered).toBe(report.sent);
    expect(await site.private.saw(stream.token)).toBe(true);
    if (proto === 'udp') expect(await site.private.observer.count(stream.token)).toBe(report.sent);
  }
});

test('a stream ends when told and reports', slow, async () => {
  const stream = await site.host.stream('app/app', { proto: 'tcp', to: site.private.v6, port: 9000 });
  await sleep(500);
  const report = await stream.stop();
  expect(report.answered).toBeGreaterThan(10);
  expect(report.connects).toBe(1);
});

test('a stream waits for the answers of a server that is late', slow, async () => {
  const server = await site.internet.serve(['udp', '6001']);
  const stream = await site.host.stream('app/app', { proto: 'udp', to: site.internet.v4, port: 6001 });
  await sleep(300);
  const signal = (name: string) => site.internet.run(['pkill', `-${name}`, '-f', '^/run/labtool serve udp 6001']);
  expect((await signal('STOP')).code).toBe(0);
  await sleep(100);
  const report = stream.stop();
  await sleep(1_000);
  expect((await signal('CONT')).code).toBe(0);
  const { sent, answered } = await report;
  expect([sent > 40, answered]).toEqual([true, sent]);
  server.kill('SIGTERM');
});

test('a stream of fresh connections makes as many connections as payloads', slow, async () => {
  const spec = { proto: 'tcp', to: site.internet.v4, port: 443, rate: 100, seconds: 1, fresh: true } as const;
  const report = await (await site.host.stream('app/app', spec)).report();
  expect(report.connects).toBeGreaterThan(90);
  expect(report.sent).toBeGreaterThan(report.connects - 5);
});

test('a far server pushes unasked to whoever has spoken to it', slow, async () => {
  const server = await site.internet.serve(['tcp', '6000', 'udp', '6000', '--push', '50']);
  for (const proto of ['udp', 'tcp'] as const) {
    const stream = await site.host.stream('app/app', { proto, to: site.internet.v4, port: 6000, rate: 2, seconds: 1 });
    expect((await stream.report()).pushed).toBeGreaterThan(30);
  }
  server.kill('SIGTERM');
});

test('forged UDP frames of both families have checksums that a kernel accepts', slow, async () => {
  const app = await site.host.container('app/app');
  const mongo = await site.host.container('app/mongo');
  const [own, peer] = [app.addresses[0], mongo.addresses[0]];
  if (own === undefined || peer === undefined) throw new Error('no address');
  const observer = await site.host.observer('app/app');
  for (const [src, dst] of [
    [own.v4, peer.v4],
    [own.v6, peer.v6],
  ] as const) {
    const token = freshToken();
    const datagram = frames.udp({ src, dst, sport: 1234, dport: 9200 }, token);
    const frame = frames.ethernet({ from: own.mac, to: peer.mac, type: frames.etherType(src) }, datagram);
    await site.host.sendFrames('app/app', [frame], { count: 3 });
    // The neighbour's echo comes back only when its kernel took the datagram for good.
    expect(await observer.count((packet) => packet.token === token && packet.src === dst)).toBe(3);
  }
});

test('a forged ARP answer and neighbour advertisement reach the neighbour as built', slow, async () => {
  const app = await site.host.container('app/app');
  const mongo = await site.host.container('app/mongo');
  const [own, peer] = [app.addresses[0], mongo.addresses[0]];
  if (own === undefined || peer === undefined) throw new Error('no address');
  const seen = await site.host.observer('app/mongo');
  const lie = '172.20.99.99';
  const lie6 = 'fd00:172:20::9999';
  await site.host.sendFrames('app/app', [
    frames.arp({ op: 2, sha: own.mac, spa: lie, tha: peer.mac, tpa: peer.v4, to: peer.mac }),
    frames.ethernet(
      { from: own.mac, to: peer.mac, type: 0x86dd },
      frames.neighborAdvert({ src: own.v6, dst: peer.v6, target: lie6, lladdr: own.mac }),
    ),
  ]);
  expect(await seen.saw((packet) => packet.op === 2 && packet.src === lie && packet.sha === own.mac)).toBe(true);
  expect(await seen.saw((packet) => packet.type === 136 && packet.target === lie6)).toBe(true);
});

test("a container's first instructions send to every destination, and its tally counts them", slow, async () => {
  await site.host.image(firstImage);
  const token = freshToken();
  const to = [site.private.v4, site.internet.v6].map((address) => ({ to: address, port: 9 }));
  const command = firstCommand({ to, token, rate: 100, rounds: 3, tally: '/tally/count' });
  site.host.write('/srv/tally/.keep', '');
  const events = await KernelEvents.follow(site.host.cell);
  const volume = ['-v', '/srv/tally:/tally'];
  const id = await site.host.docker(
    'run',
    '--rm',
    '-d',
    '--network',
    'app_default',
    ...volume,
    'lab/first',
    ...command,
  );
  await sleep(300);
  for (const { observer } of [site.private, site.internet]) {
    const seen = await observer.seen(token);
    expect(seen.map(({ n }) => n)).toEqual([0, 1, 2]);
    for (const { t, sent = 0 } of seen) expect(t - sent).toBeLessThan(1_000_000);
  }
  expect(readTally(readFileSync(site.host.cell.path('/srv/tally/count'))).slice(0, 2)).toEqual([3, 3]);
  const started = Date.now();
  await site.host.docker('stop', id);
  expect(Date.now() - started).toBeLessThan(8_000); // SIGTERM is heard
  await site.host.nft('table inet t { set s { type ipv4_addr; }; }');
  await site.host.nft('add element inet t s { 10.1.2.3 }');
  await until('the element', () =>
    events.events.some((event) => event.what === 'newelement' && event.elements.includes('0a010203'))
      ? true
      : undefined,
  );
  expect(events.events.some((event) => event.what === 'link' && event.there && event.master !== 0)).toBe(true);
  expect(events.events.some((event) => event.what === 'commit' && event.name === 'nft')).toBe(true);
  await site.host.nft('delete table inet t');
  events.stop();
});

test('a relay cuts off whoever talks to the engine, and hides it', slow, async () => {
  const relay = await EngineRelay.open(site.host.cell);
  const ask = () => site.host.run(['docker', '--host', relay.address, 'info', '--format', '{{.Containers}}']);
  expect((await ask()).code).toBe(0);
  const events = site.host.spawn(['docker', '--host', relay.address, 'events']);
  const told = new Promise((resolve) => events.stdout.once('data', resolve));
  await sleep(500);
  await site.host.docker('network', 'create', 'told');
  await told;
  await relay.cut();
  expect(await ended(events)).not.toBe(null);
  await relay.hide();
  expect((await ask()).code).not.toBe(0);
  await relay.show();
  expect((await ask()).code).toBe(0);
  await relay.hide();
});

test('images carry labels', slow, async () => {
  await site.host.image({
    name: 'lab/labelled',
    labels: { 'sluice.allow': '["internet"]' },
    entrypoint: ['/labtool', 'serve'],
    cmd: ['tcp', '80'],
  });
  const labels = await site.host.docker('image', 'inspect', '--format', '{{json .Config.Labels}}', 'lab/labelled');
  expect(JSON.parse(labels)).toEqual({ 'sluice.allow': '["internet"]' });
});

test('broadcast and multicast are seen by the neighbours', slow, async () => {
  const others = ['elasticsearch', 'mongo'].map((service) => `app-${service}-1`);
  for (const to of ['172.20.255.255', '224.0.0.251', 'ff02::fb%eth0']) {
    const probe = await site.host.probe('app/app', { to, proto: 'udp', port: 5353, timeout: 100 });
    expect([to, probe.at.filter((name) => others.includes(name)).sort()]).toEqual([to, others]);
  }
});

test('an observer that has ended is an error, not silence', slow, async () => {
  const observer = await site.host.observer('app/elasticsearch');
  observer.stop();
  await expect(observer.saw('lab-000000000000')).rejects.toThrow(/has ended/);
  // The next probe to its container starts another.
  const neighbour = (await site.host.container('app/elasticsearch')).addresses[0];
  expect((await site.host.probe('app/app', { to: neighbour?.v4 ?? '', port: 9200 })).arrived).toBe(true);
});

test('five hundred probes take seconds', slow, async () => {
  const started = Date.now();
  const specs = Array.from({ length: 500 }, (_, i) => ({
    from: i % 2 ? 'app/app' : 'app/mongo',
    to: `45.1.2.${i % 250}`,
    port: 1000 + i,
  }));
  const probes = await site.host.probeMany(specs);
  expect(probes.filter(({ arrived }) => arrived)).toHaveLength(500);
  expect(Date.now() - started).toBeLessThan(20_000);
});

test('a container without NET_RAW can still send echo requests, as any user', slow, async () => {
  await site.host.docker(
    'run',
    '-d',
    '--name',
    'plain',
    '--cap-drop',
    'ALL',
    '--user',
    '65534',
    'lab/app',
    'tcp',
    '8080',
  );
  const [echo, bare] = await site.host.probeMany([
    { from: 'plain', to: site.private.v4, proto: 'icmp' },
    { from: 'plain', to: site.private.v4, proto: 50 },
  ]);
  expect([echo?.outcome, echo?.at]).toEqual(['answered', ['private']]);
  expect([bare?.outcome, bare?.error, bare?.arrived]).toEqual(['error', 'EPERM', false]);
  await site.host.docker('rm', '-f', 'plain');
});

test('rates of datagrams and connections are measured end to end', slow, async () => {
  const sink = site.internet.spawn(['/run/labtool', 'sink', '7001', '--seconds', '10']);
  const lines: string[] = [];
  sink.stdout.on('data', (data: Buffer) => lines.push(...data.toString().trim().split('\n')));
  // Its own port: what is redirected to the echo server would not reach it.
  await site.internet.own(7001);
  const flood = JSON.parse((await site.host.exec('app/app', ['/labtool', 'flood', site.internet.v4, '7001'])).stdout);
  sink.stdin.end();
  await new Promise((resolve) => sink.once('close', resolve));
  const { received } = JSON.parse(lines.at(-1) ?? '{}');
  expect(flood.sent).toBeGreaterThan(1000);
  expect(received).toBeGreaterThan(1000);
  expect(received).toBeLessThanOrEqual(flood.sent);
  const made = await site.host.exec('app/app', ['/labtool', 'connects', site.internet.v6, '80', '--seconds', '0.5']);
  expect(JSON.parse(made.stdout).connections).toBeGreaterThan(100);
});

test('the lab has no way out: its networks hold nothing but its own links', slow, async () => {
  const machine = await readdir('/sys/class/net');
  const links = JSON.parse(await site.router.must(['ip', '-json', 'link', 'show'])) as { ifname: string }[];
  expect(links.length).toBeGreaterThan(7);
  for (const { ifname } of links) if (ifname !== 'lo') expect(machine).not.toContain(ifname);
});
