import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cell } from '../../lab/cell.ts';
import { until } from '../../lab/exec.ts';
import { checkout, Machine } from '../../lab/machine.ts';
import { ensureRoot, type RootName } from '../../lab/roots.ts';
import { Systemd } from '../../lab/systemd.ts';
import { ensureTools } from '../../lab/tools.ts';
import { makePlan } from '../../src/static/make-plan.ts';
import type { StaticPlan } from '../../src/static/plan.ts';
import { renderPlan } from '../../src/static/render.ts';
import { now as goldenTime, readCase } from '../golden/cases.ts';
import { articlePlan } from '../static/article.ts';
import { unitCommands } from './systemd-lines.ts';

/** What is for systemd, read and run by a real one; what packets say of the same lines is in static.test.ts. */

const folder = '/etc/systemd/system';
const names = {
  dropin: 'docker.service.d/override.conf',
  compose: 'docker-compose@.service',
  sluice: 'sluice.service',
} as const;
type File = keyof typeof names;
const file = (kind: File) => join(folder, names[kind]);

/** The three files, by the place that their first lines name. */
function filesOf(plan: StaticPlan): Readonly<Record<File, string>> {
  const { files } = renderPlan(plan, 'systemd-dropin');
  const rendered = (name: string) => files.find((one) => one.name === name)?.text ?? '';
  const sluice = readFileSync(join(checkout, 'examples/sluice.service'), 'utf8');
  const found = { dropin: rendered(names.dropin), compose: rendered(names.compose), sluice };
  for (const kind of ['dropin', 'compose'] as const) expect(found[kind].split('\n')[0]).toBe(`# ${file(kind)}`);
  expect(sluice.split('\n')[0]).toContain(folder);
  return found;
}

function put(cell: Cell, files: Readonly<Record<File, string>>): void {
  for (const kind of ['dropin', 'compose', 'sluice'] as const) cell.write(file(kind), files[kind]);
}

const hostile = readCase('13-hostile-names');
const plans: readonly { readonly policy: string; readonly plan: StaticPlan }[] = [
  { policy: "the article's", plan: articlePlan() },
  { policy: 'hostile names', plan: makePlan(hostile.policy, hostile.world, [], goldenTime) },
];

/** The root firewalls is of the suite whose engine is 26.1, and holds the systemd that the engine's own root lacks. */
const systems: readonly { readonly suite: string; readonly root: RootName; readonly dockerOf: RootName }[] = [
  { suite: 'sid', root: '28.5', dockerOf: '28.5' },
  { suite: 'trixie', root: 'firewalls', dockerOf: '26.1' },
];

const spoiled: readonly { readonly kind: File; readonly spoil: readonly [string, string]; readonly said: string }[] = [
  { kind: 'dropin', spoil: ['[Service]', '[Servise]'], said: "Unknown section 'Servise'" },
  { kind: 'dropin', spoil: [' (policy.yaml:13)"', ' '], said: 'Unbalanced quoting' },
  { kind: 'dropin', spoil: ['"same-project', '"same\\yproject'], said: 'unknown escape sequences' },
  { kind: 'compose', spoil: ['oneshot', 'onceshot'], said: 'Failed to parse Type=onceshot' },
  { kind: 'compose', spoil: ['Requires=docker', 'Requires=dokker'], said: 'Unit dokker.service not found' },
  { kind: 'sluice', spoil: ['ProtectSystem', 'ProtectSytem'], said: "Unknown key 'ProtectSytem'" },
  { kind: 'sluice', spoil: ['strict', 'stict'], said: 'Failed to parse ProtectSystem=stict' },
  { kind: 'sluice', spoil: ['sbin/sluice', 'sbin/sluce'], said: 'sbin/sluce is not executable' },
];

describe.each(systems)('systemd-analyze of $suite with engine $dockerOf', ({ root, dockerOf }) => {
  let cell: Cell;
  const clean = filesOf(articlePlan());

  beforeAll(async () => {
    cell = await Cell.open(await ensureRoot(root), 'units', await ensureTools());
    const from = await ensureRoot(dockerOf);
    for (const name of ['docker.service', 'docker.socket'])
      cell.write(`/usr/lib/systemd/system/${name}`, readFileSync(join(from, 'usr/lib/systemd/system', name)));
    if (dockerOf !== root)
      for (const name of ['usr/sbin/dockerd', 'usr/bin/docker']) await cell.bind(join(from, name), `/${name}`);
    cell.write('/usr/local/sbin/sluice', '#!/bin/sh\n', 0o755);
  });
  afterAll(() => cell?.stop());

  /** It ends well even when it ignored a line, so what it says counts. */
  async function complaints(files: Readonly<Record<File, string>>): Promise<string> {
    put(cell, files);
    const all = ['docker.service', 'docker-compose@app.service', names.sluice];
    const verify = await cell.run(['systemd-analyze', 'verify', ...all]);
    const security = await cell.run(['systemd-analyze', 'security', '--offline=yes', '--no-pager', names.sluice]);
    expect(security.stdout).toContain('CapabilityBoundingSet=');
    const codes = verify.code === 0 && security.code === 0 ? '' : `exit ${verify.code}, ${security.code}\n`;
    return codes + verify.stdout + verify.stderr + security.stderr;
  }

  test.each(plans)('it has nothing to say about our files ($policy)', async ({ plan }) => {
    expect(await complaints(filesOf(plan))).toBe('');
  });

  const ours = spoiled.filter(({ kind }) => root === '28.5' || kind === 'sluice');
  test.each(ours)('control: it complains of a spoiled file: $said', async ({ kind, spoil: [from, to], said }) => {
    expect(clean[kind]).toContain(from);
    expect(await complaints({ ...clean, [kind]: clean[kind].replace(from, to) })).toContain(said);
  });
});

describe('a booted systemd of sid with engine 28.5', () => {
  const files = filesOf(articlePlan());
  let machine: Machine;
  let systemd: Systemd;

  beforeAll(async () => {
    machine = new Machine(await Cell.open(await ensureRoot('28.5'), 'dockerhost', await ensureTools()));
    put(machine.cell, files);
    const [program = ''] = await machine.sluiceCommand();
    await machine.must(['ln', '-s', program, '/usr/local/sbin/sluice']);
    machine.write('/etc/sluice/policy.yaml', readFileSync(join(checkout, 'examples/article/policy.yaml')), 0o600);
    systemd = await Systemd.boot(machine.cell);
  });
  afterAll(() => machine?.cell.stop());

  /** The chains of the drop-in, and who calls them, without counters. */
  async function standing(): Promise<string> {
    const tables = ['filter', 'security'].map((table) => machine.must(['iptables-save', '-t', table]));
    const lines = (await Promise.all(tables)).join('').split('\n');
    return lines
      .filter((line) => line.includes('DOCKER-OUTBOUND'))
      .join('\n')
      .replaceAll(/\[\d+:\d+\]/g, '');
  }

  const firstForwarded = async () => (await machine.must(['iptables', '-S', 'FORWARD'])).split('\n')[1];

  async function systemctl(...words: string[]): Promise<void> {
    await systemd.must(['systemctl', ...words], { timeout: 120_000 });
  }

  test('a line that fails before dockerd keeps docker from starting', async () => {
    machine.write(file('dropin'), files.dropin.replace('-t security -N', '-t securety -N'));
    await systemctl('daemon-reload');
    expect((await systemd.run(['systemctl', 'start', 'docker'], { timeout: 120_000 })).code).toBe(1);
    expect((await machine.run(['pgrep', '-x', 'dockerd'])).code).toBe(1);
    await systemctl('stop', 'docker.service', 'docker.socket');
    machine.write(file('dropin'), files.dropin);
    await systemctl('daemon-reload');
    await systemctl('reset-failed');
  });

  test.each(plans)('it reads each command as we wrote it ($policy)', async ({ plan }) => {
    const { dropin } = filesOf(plan);
    machine.write(file('dropin'), dropin);
    await systemctl('daemon-reload');
    for (const key of ['ExecStartPre', 'ExecStartPost']) {
      const read = [...(await systemd.show('docker', key)).matchAll(/argv\[\]=(.*?) ; ignore_errors=(yes|no) ;/g)];
      const ours = unitCommands(dropin, key).map(({ words, mayFail }) => [words.join(' '), mayFail ? 'yes' : 'no']);
      expect(ours.length).toBeGreaterThan(20);
      expect(read.map(([, words, mayFail]) => [words, mayFail])).toEqual(ours);
    }
    machine.write(file('dropin'), files.dropin);
    await systemctl('daemon-reload');
  });

  test('the rules stand after a start of docker and after a restart, above those of Docker', async () => {
    expect(await standing()).not.toContain('-A FORWARD -j DOCKER-OUTBOUND-FILTER');
    await systemctl('start', 'docker');
    const once = await standing();
    expect(await firstForwarded()).toBe('-A FORWARD -j DOCKER-OUTBOUND-FILTER');
    expect(once).not.toContain('DOCKER-OUTBOUND-OLD');

    await machine.must(['iptables', '-F', 'DOCKER-OUTBOUND-FILTER']);
    await machine.must(['iptables', '-t', 'security', '-F', 'DOCKER-OUTBOUND-HOST']);
    await machine.must(['iptables', '-I', 'FORWARD', '1', '-j', 'ACCEPT']);
    await systemctl('restart', 'docker');
    expect(await standing()).toBe(once);
    expect(await firstForwarded()).toBe('-A FORWARD -j DOCKER-OUTBOUND-FILTER');
  });

  test('sluice.service holds the policy with the powers it names, comes back when it is killed, and stays down when told to', async () => {
    const tables = () => machine.must(['nft', 'list', 'tables']);
    expect(await tables()).not.toMatch(/ sluice/);
    await systemctl('start', 'sluice');
    const held = () =>
      until('sluice at work', async () => {
        const done = await systemd.run(['sluice', 'status', '--json']);
        return done.code === 0 ? done.stdout : undefined;
      });
    await held();
    expect(await systemd.show('sluice', 'CapabilityBoundingSet')).toBe('cap_net_admin cap_sys_nice');
    expect(await tables()).toMatch(/^table inet sluice$/m);

    await systemctl('kill', '--signal=KILL', 'sluice');
    await until('another start', async () => ((await systemd.show('sluice', 'NRestarts')) === '1' ? true : undefined));
    await held();
    await systemctl('reload', 'sluice');
    expect(await systemd.show('sluice', 'ActiveState')).toBe('active');
    await systemctl('stop', 'sluice');
    expect(await systemd.show('sluice', 'Result')).toBe('success');
    expect(await tables(), 'containers may run on').toMatch(/^table inet sluice$/m);

    // "Everything open, now" of docs/operations.md: what is about to start again is not inactive, but activating
    await systemctl('start', 'sluice');
    await held();
    await systemd.must(['sluice', 'down']);
    const isOver = async () => !['active', 'deactivating'].includes(await systemd.show('sluice', 'ActiveState'));
    await until('its end', async () => ((await isOver()) ? true : undefined));
    expect(await systemd.show('sluice', 'ActiveState')).toBe('inactive');
    expect(await tables()).not.toMatch(/ sluice/);
  });
});
