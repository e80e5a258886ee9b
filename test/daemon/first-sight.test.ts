import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ContainerGroups } from '../../src/host/container-groups.ts';
import { address, bridge, FakeHost, idOf, member, network, seat } from './fake-kernel.ts';

const [macA, macB] = ['02:42:ac:1e:00:02', '02:42:ac:1e:00:03'];
const [ipA, ipB] = ['172.30.0.2', '172.30.0.3'];

/** A newcomer behind port 10 whose processes live where the port's other end is, and whom the engine never lists. */
function unlistedNewcomer(): FakeHost {
  const host = new FakeHost();
  host.plan({ seats: [seat('a'), seat('b')] });
  host.residents.set(idOf('a'), [10]);
  return host;
}

describe('a newcomer whom the engine does not list yet', () => {
  test('is seated as soon as the kernel shows its processes behind the port', async () => {
    const host = unlistedNewcomer();
    host.join(10, macA, [ipA]);
    await host.pass(1);
    expect(host.judge(ipA)).toBe('judge/a');
    expect(host.of('seated')[0]?.seated.place).toEqual({
      port: { name: 'veth10', index: 10 },
      mac: macA,
      addresses: [address(ipA), address('fe80::42:acff:fe1e:2')],
    });
  });

  test('is not seated before its end is up, since it may get more addresses until then', async () => {
    const host = unlistedNewcomer();
    host.join(10, macA, [], bridge.index, false);
    await host.pass(50);
    expect(host.sets.size).toBe(0);
    host.alter(10, { up: true, ips: [ipA] });
    await host.pass(10);
    expect(host.judge(ipA)).toBe('judge/a');
  });

  test('is seated though its processes were elsewhere at first, as what runc begins with is', async () => {
    const host = unlistedNewcomer();
    host.residents.set(idOf('a'), [2]).set(idOf('b'), [2]);
    host.join(10, macA, [ipA]);
    await host.pass(20);
    expect(host.sets.size).toBe(0);
    host.residents.set(idOf('a'), [10]);
    await host.pass(10);
    expect(host.judge(ipA)).toBe('judge/a');
  });

  test('is seated once its processes are there', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.join(10, macA, [ipA]);
    await host.pass(20);
    expect(host.sets.size).toBe(0);
    host.residents.set(idOf('a'), [10]);
    await host.pass(5);
    expect(host.judge(ipA)).toBe('judge/a');
  });

  test('and then lists it, is not seated again', async () => {
    const host = unlistedNewcomer();
    host.join(10, macA, [ipA]);
    await host.pass(1);
    host.members = [member('a', macA, ipA)];
    host.guard.hear({ kind: 'look', network });
    await host.pass(50);
    expect([host.batches, host.of('seated').length]).toEqual([1, 1]);
  });

  test.each<[string, (host: FakeHost) => void]>([
    ['a container without a seat', (host) => host.residents.set(idOf('a'), []).set(idOf('stranger'), [10])],
    ['two containers', (host) => host.residents.set(idOf('b'), [10])],
    ['processes in two namespaces', (host) => host.residents.set(idOf('a'), [10, 77])],
    ['an address of the host’s', (host) => host.alter(10, { ips: ['172.30.0.1'] })],
    ['an address that the network has not', (host) => host.alter(10, { ips: ['192.168.7.7'] })],
    ['its own address and one that the network has not', (host) => host.alter(10, { ips: [ipA, '192.168.7.7'] })],
    ['no address', (host) => host.alter(10, { ips: [] })],
    ['a link-local address only', (host) => host.alter(10, { ips: ['fe80::1'] })],
    ['what the engine says is another’s address', (host) => void (host.members = [member('b', macB, ipA)])],
    [
      'what the engine says is others’ MAC',
      (host) => void (host.members = ['b', 'c'].map((name) => member(name, macA, ipB))),
    ],
  ])('is nobody when the kernel shows %s', async (_what, change) => {
    const host = unlistedNewcomer();
    host.join(10, macA, [ipA], bridge.index, false);
    change(host);
    host.alter(10, { up: true });
    await host.pass(100);
    expect(host.sets.size).toBe(0);
  });

  test.each<[string, string, string]>([
    ['address', macA, ipB],
    ['MAC', macB, ipA],
  ])('is nobody with the %s of somebody who sits there', async (_what, mac, ip) => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a'), seat('b')] });
    host.join(11, macB, [ipB]);
    host.members = [member('b', macB, ipB)];
    await host.pass(10);
    const before = host.sets.size;
    host.residents.set(idOf('a'), [10]);
    host.join(10, mac, [ip]);
    await host.pass(100);
    expect([host.sets.size, host.judge(ipB)]).toEqual([before, 'judge/b']);
  });

  test('is not who lived there before, when the namespace’s id is given anew', async () => {
    const host = unlistedNewcomer();
    host.join(10, macA, []);
    await host.pass(10); // a is known to live there, and has no address yet
    expect(host.sets.size).toBe(0);
    host.remove(10);
    host.residents.delete(idOf('a'));
    host.residents.set(idOf('b'), [10]);
    host.join(10, macB, [ipB]);
    await host.pass(20);
    expect(host.judge(ipB)).toBe('judge/b');
  });

  test('does not get the place of one who borrows its MAC before its own port is there', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.residents.set(idOf('a'), [11]).set(idOf('thief'), [10]);
    host.members = [member('a', macA, ipA)];
    host.join(10, macA, ['172.30.0.9']);
    await host.pass(50);
    expect(host.sets.size).toBe(0);
    host.join(11, macA, [ipA]);
    await host.pass(20);
    expect(host.of('seated').map(({ seated }) => seated.place.port.index)).toEqual([11]);
    expect([host.judge(ipA), host.judge('172.30.0.9')]).toEqual(['judge/a', undefined]);
  });

  test('has what the main thread reads from the engine later', async () => {
    const host = unlistedNewcomer();
    host.join(10, macA, ['172.30.0.9']);
    await host.pass(1);
    expect(host.judge('172.30.0.9')).toBe('judge/a');
    const { rules } = seat('a');
    const place = { port: { name: 'veth10', index: 10 }, mac: macA, addresses: [address(ipA)] };
    host.plan({ seats: [seat('a'), seat('b')], seated: [{ container: idOf('a'), network, rules, place }] });
    host.remove(10);
    expect(host.of('left').length).toBe(1);
  });

  test('is not looked for by the kernel for longer than some seconds', async () => {
    const host = unlistedNewcomer();
    let looks = 0;
    host.residents.clear();
    const { residents } = host;
    const keys = residents.keys.bind(residents);
    residents.keys = () => {
      looks++;
      return keys();
    };
    host.join(10, macA, [ipA]);
    await host.pass(10_000);
    expect(looks).toBeGreaterThan(50);
    const before = looks;
    await host.pass(10_000);
    expect(looks).toBe(before);
  });
});

describe('the control groups of containers', () => {
  const [bare, scoped] = ['a'.repeat(64), 'b'.repeat(64)];
  const make = (folders: Readonly<Record<string, string>>): string => {
    const root = mkdtempSync(join(tmpdir(), 'sluice-groups-'));
    for (const [folder, procs] of Object.entries(folders)) {
      mkdirSync(join(root, folder), { recursive: true });
      writeFileSync(join(root, folder, 'cgroup.procs'), procs);
    }
    return root;
  };

  test('are found where cgroupfs and where systemd put them, with their processes', () => {
    const root = make({
      [`docker/${bare}`]: '12\n13\n',
      [`system.slice/docker-${scoped}.scope`]: '14\n0\n', // 0: a process our PID namespace does not see
      'system.slice/docker.service': '1\n',
      [`system.slice/libpod-${scoped}.scope`]: '15\n',
      'docker/buildkit': '16\n',
    });
    const groups = new ContainerGroups(root);
    expect([...groups.list()].toSorted()).toEqual([bare, scoped]);
    expect([groups.processes(bare), groups.processes(scoped)]).toEqual([[12, 13], [14]]);
    rmSync(root, { recursive: true });
    expect([groups.processes(bare), [...groups.list()]]).toEqual([[], []]);
  });

  test('are told of as they come and go, wherever their creators put them, and not those within them', async () => {
    const root = make({ [`docker/${bare}`]: '12\n', 'system.slice/docker.service': '1\n' });
    const groups = new ContainerGroups(root);
    const told: string[] = [];
    const end = groups.watch({ changed: (container) => void told.push(container), overflow: () => {} });
    expect(told).toEqual([bare]);
    const is = (...containers: string[]) =>
      expect.poll(() => [...new Set(told)].toSorted()).toEqual(containers.toSorted());
    mkdirSync(join(root, `docker/${bare}/docker/${'d'.repeat(64)}`), { recursive: true });
    mkdirSync(join(root, `other.slice/other-deep.slice/docker-${scoped}.scope`), { recursive: true });
    writeFileSync(join(root, `other.slice/other-deep.slice/docker-${scoped}.scope/cgroup.procs`), '17\n');
    await is(bare, scoped);
    expect([[...groups.list()].toSorted(), groups.processes(scoped)]).toEqual([[bare, scoped], [17]]);
    told.length = 0;
    rmSync(join(root, 'other.slice'), { recursive: true });
    rmSync(join(root, 'docker'), { recursive: true });
    await is(bare, scoped);
    expect([...groups.list()]).toEqual([]);
    told.length = 0;
    mkdirSync(join(root, `other.slice/${bare}`), { recursive: true });
    await is(bare);
    expect([...groups.list()]).toEqual([bare]);
    end();
    rmSync(root, { recursive: true });
  });

  test('are found behind folders that are called like one, and all of one name count', async () => {
    const root = make({
      [`docker/${bare}`]: '',
      [`docker/${bare}/docker/${scoped}`]: '18\n',
      [`more/${bare}`]: '12\n',
    });
    const groups = new ContainerGroups(root);
    const told: string[] = [];
    const end = groups.watch({ changed: (container) => void told.push(container), overflow: () => {} });
    expect([...groups.list()]).toEqual([bare]);
    expect(groups.processes(bare)).toEqual([12]);
    groups.watchWithin(bare);
    expect(told).toContain(scoped);
    expect([[...groups.list()].toSorted(), groups.processes(scoped)]).toEqual([[bare, scoped], [18]]);
    end();
    rmSync(root, { recursive: true });
  });

  test('are not listed where they are disregarded, until they come anew', async () => {
    const root = make({ [`left/${bare}`]: '', [`docker/${scoped}`]: '12\n' });
    const groups = new ContainerGroups(root);
    const end = groups.watch({ changed: () => {}, overflow: () => {} });
    expect([...groups.list()].toSorted()).toEqual([bare, scoped]);
    groups.disregard(bare);
    expect([...groups.list()]).toEqual([scoped]);
    rmSync(join(root, 'left', bare), { recursive: true });
    mkdirSync(join(root, 'left', bare));
    await expect.poll(() => [...groups.list()].toSorted()).toEqual([bare, scoped]);
    end();
    rmSync(root, { recursive: true });
  });

  test('are those of what a container has moved into groups of its own', () => {
    const root = make({ [`docker/${bare}`]: '', [`docker/${bare}/inner`]: '19\n' });
    const groups = new ContainerGroups(root);
    groups.list();
    expect(groups.processes(bare)).toEqual([19]);
    rmSync(root, { recursive: true });
  });

  test('are not all watched where there are too many folders, which is told; the upper ones are', () => {
    const deep = Array.from({ length: 4_200 }, (_, at) => [`aa/${at}`, ''] as const);
    const root = make({ ...Object.fromEntries(deep), [`docker/${bare}`]: '12\n' });
    const groups = new ContainerGroups(root);
    const told: string[] = [];
    let overflows = 0;
    const end = groups.watch({ changed: (container) => void told.push(container), overflow: () => overflows++ });
    expect([told, overflows]).toEqual([[bare], 1]);
    end();
    rmSync(root, { recursive: true });
  });

  test('are as far as their first 16 processes asked about', () => {
    const root = make({ [`docker/${bare}`]: Array.from({ length: 6_000 }, (_, at) => `${at + 1}\n`).join('') });
    const groups = new ContainerGroups(root);
    groups.list();
    expect(groups.processes(bare)).toHaveLength(16);
    rmSync(root, { recursive: true });
  });

  test('are none on a host that has no such tree', () => {
    const groups = new ContainerGroups('/nowhere');
    expect([[...groups.list()], groups.processes(bare)]).toEqual([[], []]);
  });
});
