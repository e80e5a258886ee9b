import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../lab/host.ts';
import { engines } from '../../lab/roots.ts';
import { openSite, type Site } from '../../lab/site.ts';
import type { Report } from '../host/inside/mirror.ts';
import { spawnInside } from '../host/inside/run.ts';

const project = (subnet: string) => `version: '2.4'
services:
  web: { image: lab/app, networks: [front, back], ports: ["8080:80"] }
  db: { image: lab/app, networks: { back: { ipv4_address: 172.31.${subnet}.9 } } }
  sidecar: { image: lab/app, command: ["tcp", "9999"], network_mode: "service:db" }
  onhost: { image: lab/app, command: ["tcp", "9998"], network_mode: host }
networks:
  front: {}
  back: { ipam: { config: [{ subnet: 172.31.${subnet}.0/24 }] } }
`;

describe.each(engines)('the mirror of engine %s', (engine) => {
  let site: Site;
  let host: Host;
  let child: ChildProcessWithoutNullStreams;
  let answers: AsyncIterator<string>;
  let words = '';
  /** All that the mirror has heard and read. */
  const log: string[] = [];
  beforeAll(async () => {
    site = await openSite({ engine });
    host = site.host;
    child = await spawnInside(host, 'mirror', engine === '26.1' ? '200' : '0'); // a small host, and large ones
    child.stderr.on('data', (data: Buffer) => (words += data.toString()));
    answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  });
  afterAll(async () => {
    child?.stdin.end();
    await site?.stop();
  });

  /** What the mirror saw of what was done; throws unless it shows now what a fresh look shows. */
  async function saw(): Promise<Report> {
    child.stdin.write('?\n');
    const { value, done } = await answers.next();
    if (done) throw new Error(`the mirror ended: ${words}`);
    const report = JSON.parse(value) as Report;
    expect(report.mirrored, report.log.slice(-30).join('\n')).toEqual(report.fresh);
    expect(report.fresh).not.toBeNull();
    log.push(...report.log);
    return report;
  }

  /** What was last read of a container before it ran, and before the engine told of its last start, is where it will be. */
  function expectKnownBeforeStart(id: string, place: string): void {
    const short = id.slice(0, 12);
    const start = log.lastIndexOf(`start ${short}`);
    const about = log.filter((line) => line.includes(short)).join('\n');
    expect(start, about).toBeGreaterThanOrEqual(0);
    const before = log.slice(0, start).findLast((line) => line.includes(`${short}:still@`));
    expect(before, about).toMatch(new RegExp(`${short}:still@${place}(?= |$)`));
  }

  test('everything that is done to containers and networks is seen', async () => {
    expect((await saw()).log).toContain('connected');
    await host.compose('app', project('1'), 'up', '-d');
    await saw();
    const db = await host.container('app/db');
    expectKnownBeforeStart(db.id, 'app_back');

    await host.compose('app', project('1'), 'up', '-d', '--scale', 'web=1', '--scale', 'db=1', '--no-recreate');
    await host.docker('network', 'create', 'extra');
    await host.docker('network', 'connect', 'extra', db.name);
    await saw();
    await host.docker('network', 'disconnect', 'app_back', db.name);
    await saw();
    await host.docker('network', 'connect', '--ip', '172.31.1.77', 'app_back', db.name);
    await host.docker('rename', db.name, 'renamed');
    await saw();
    await host.docker('rename', 'renamed', db.name);
    await host.docker('restart', '-t', '0', db.name);
    await host.docker('pause', (await host.container('app/web')).name);
    await saw();
    await host.docker('unpause', (await host.container('app/web')).name);
  });

  test('a container is known from its creation on, and on all its networks before it starts', async () => {
    const id = await host.docker('create', '--name', 'made', '--network', 'extra', 'lab/app');
    await saw();
    await host.docker('network', 'connect', 'app_front', 'made');
    await host.docker('start', 'made');
    await saw();
    expectKnownBeforeStart(id, '(app_front,)?extra'); // of the second network no event tells before it starts
    await host.docker('stop', '-t', '0', 'made');
    await saw();
    await host.docker('start', 'made');
    await saw();
    expectKnownBeforeStart(id, 'app_front,extra');
    const run = await host.docker('run', '-d', '--name', 'run', 'lab/app');
    await saw();
    expectKnownBeforeStart(run, 'bridge');
    await host.docker('rm', '-f', 'made', 'run');
  });

  test('a network that is made anew, with another subnet', async () => {
    const [back] = (await host.docker('network', 'ls', '-q', '-f', 'name=app_back')).split('\n');
    await host.compose('app', project('1'), 'down', '-t', '0');
    await saw();
    await host.compose('app', project('2'), 'up', '-d');
    await saw();
    expect(await host.docker('network', 'ls', '-q', '-f', 'name=app_back')).not.toBe(back);
  });

  test('many that start and end at once', async () => {
    const run = (name: string) =>
      host.docker(
        'run',
        '--rm',
        '-d',
        '--name',
        name,
        '--network',
        'extra',
        '--entrypoint',
        '/bin/sleep',
        'lab/app',
        '0.1',
      );
    await Promise.all(Array.from({ length: 8 }, (_, at) => run(`churn${at}`)));
    const { readings } = await saw();
    console.log(`${engine}: ${readings.length} readings, longest ${Math.max(...readings).toFixed(0)} ms`);
  });

  test.each<[string, () => Promise<void>]>([
    ['stopped and started', () => host.restartEngine()],
    ['killed and started', () => host.killEngine().then(() => host.startEngine())],
  ])('an engine that is %s', async (_what, restart) => {
    await host.compose('app', project('2'), 'kill');
    await host.docker('run', '-d', '--restart', 'always', '--stop-timeout', '1', '--name', 'stays', 'lab/app');
    const stopped = await host.docker('create', '--name', 'stopped', 'lab/app');
    await saw();
    await restart();
    const heard = (await saw()).log;
    expect(heard.some((line) => line.startsWith('gap '))).toBe(true);
    expect(heard).toContain('connected');
    await host.docker('start', 'stopped');
    await saw();
    expectKnownBeforeStart(stopped, 'bridge');
    await host.docker('rm', '-f', 'stays', 'stopped');
    await saw();
  });
});
