import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prefixOf } from '../../src/ip/prefix.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import { firstOf } from '../../src/state/host-state.ts';
import { StateError } from '../../src/state/part.ts';
import { digestOf, noPolicy, type PolicyState, putInForce } from '../../src/state/policy-state.ts';
import { encodeRecord, sha256 } from '../../src/state/record.ts';
import { withRepair } from '../../src/state/repairs-state.ts';
import { Store } from '../../src/state/store.ts';
import { articleRuleset } from './articles.ts';
import { Crash, FakeDisk, type Fault } from './disk.ts';

const folder = '/var/lib/sluice';
const now = Date.UTC(2026, 10, 25, 16);
const text = (words: string) =>
  ({ path: '/etc/sluice/policy.yaml', role: 'policy', text: words, writableByOthers: false }) as const;
const policy = (words: string): PolicyState =>
  putInForce(noPolicy, [text(words)], { now, before: 'nothing', pending: null });
const repair = (at: number) => ({ at, took: 3, by: { process: 7, name: 'nft' }, tables: ['inet sluice'] });

function opened() {
  const disk = new FakeDisk();
  return { disk, store: new Store(folder, disk) };
}

test('everything comes back as it was written', async () => {
  const { store } = opened();
  const ruleset = await articleRuleset();
  const host = {
    switched: new Map([['docker0', { ip: false, ip6: true, learnsLinkLocal: true }]]),
    networks: [{ project: 'app', name: 'app_default', subnets: [prefixOf('172.20.0.0/16'), prefixOf('fd00:20::/64')] }],
  };
  const rules = { boot: '1f0e-2', text: 'table inet sluice {\n}\n' };
  const repairs = withRepair([], repair(now));
  await store.writePolicy(policy('a: "é"'));
  await store.writeApplied({ at: now, engine: '28.5.2', boot: '1f0e-2', ruleset });
  await store.writeHost(host);
  await store.writeRules(rules);
  await store.writeRulesBefore({ ...rules, text: '' });
  await store.writeRepairs(repairs);
  expect(await store.open(now)).toEqual({
    policy: policy('a: "é"'),
    applied: { at: now, engine: '28.5.2', boot: '1f0e-2', ruleset },
    host,
    rules,
    rulesBefore: { ...rules, text: '' },
    repairs,
    notices: [],
  });
  expect(await store.forget()).toBe(true);
  expect(await store.forget()).toBe(false);
});

test('what nft loads is the file as it is: comments and rules', async () => {
  const { disk, store } = opened();
  await store.writeRules({ boot: 'b-1', text: 'table inet sluice {\n}\n' });
  expect(disk.textOf(`${folder}/rules.nft`)).toMatch(
    /^# sluice rules, format 2, boot b-1, sha256 [0-9a-f]{64}\ntable inet sluice \{\n\}\n$/,
  );
});

describe('a reader sees old or new whole', () => {
  const faults = fc.record({
    step: fc.nat({ max: 12 }),
    kind: fc.constantFrom('ENOSPC', 'EIO', 'crash'),
    torn: fc.double({ min: 0, max: 1, noNaN: true }),
    kept: fc.double({ min: 0, max: 1, noNaN: true }),
  }) satisfies fc.Arbitrary<Fault>;

  test('whatever goes wrong at whichever step of a few writes', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.string(), { minLength: 1, maxLength: 4 }),
      faults,
      async (texts, fault) => {
        const { disk, store } = opened();
        await store.writePolicy(policy('first'));
        disk.failAt(fault);
        // a failed write leaves the old value; what a crash leaves is one of those around it
        let possible = ['first'];
        for (const one of texts) {
          try {
            await store.writePolicy(policy(one));
            possible = [one];
          } catch (error) {
            expect(error).toBeInstanceOf(StateError);
            possible.push(one);
            if ((error as StateError).cause instanceof Crash) break;
          }
        }
        if (fault.kind === 'crash') disk.reboot(fault.kept);
        disk.failAt(null);
        const seen = await store.open(now);
        expect(seen.notices).toEqual([]);
        expect(possible).toContain(seen.policy.current?.texts[0]?.text);
        expect(disk.paths.filter((path) => path.includes('.new-'))).toEqual([]);
      },
    );
    await fc.assert(property, { numRuns: 500 });
  });

  test.each(['ENOSPC', 'EIO'] as const)('%s at each step', async (kind) => {
    const { disk, store } = opened();
    await store.writePolicy(policy('old'));
    disk.failAt(null);
    await store.writePolicy(policy('old'));
    const steps = disk.steps;
    expect(steps).toBe(4);
    for (let step = 0; step < steps; step++) {
      disk.failAt({ step, kind, torn: 0.5, kept: 1 });
      const failed = store.writePolicy(policy(`new ${step}`));
      await expect(failed).rejects.toThrow(kind === 'ENOSPC' ? 'the disk is full' : 'EIO');
      await expect(failed).rejects.toThrow(step === 3 ? 'the new one is there' : 'what it said before stays');
      const { policy: seen } = await store.open(now);
      // after the rename the new text is there; only whether its name outlives a crash is not known
      expect(seen.current?.texts[0]?.text).toBe(step === 3 ? 'new 3' : 'old');
      expect(disk.paths).toEqual([`${folder}/policy.json`]);
      disk.failAt(null);
      await store.writePolicy(policy('old'));
    }
  });
});

describe('what cannot be believed', () => {
  test('a flipped bit anywhere is found, in every part', async () => {
    const { disk, store } = opened();
    await store.writePolicy(policy('version: 1'));
    await store.writeHost({ switched: new Map([['docker0', { ip: false, ip6: false }]]), networks: [] });
    await store.writeRules({ boot: 'b', text: 'table inet sluice {\n}\n' });
    await store.writeRepairs([repair(now)]);
    for (const path of disk.paths) {
      const good = disk.textOf(path) ?? '';
      for (let at = 0; at < good.length; at++) {
        const bit = 1 << (at % 7);
        const flipped = String.fromCharCode(good.charCodeAt(at) ^ bit);
        disk.put(path, good.slice(0, at) + flipped + good.slice(at + 1));
        const readings = await Promise.all([store.readPolicy(), store.readHost(), store.readRules()]);
        const { notices } = path.endsWith('repairs.json')
          ? await store.open(now)
          : { notices: readings.filter(({ kind }) => kind === 'broken' || kind === 'newer') };
        expect([path, at, notices.length]).toEqual([path, at, 1]);
      }
      disk.put(path, good);
    }
  });

  test('a torn text, at every length, is found', async () => {
    const { disk, store } = opened();
    await store.writePolicy(policy('version: 1'));
    const path = `${folder}/policy.json`;
    const good = disk.textOf(path) ?? '';
    for (let length = 0; length < good.length; length++) {
      disk.put(path, good.slice(0, length));
      expect(await store.readPolicy()).toMatchObject({ kind: 'broken' });
    }
  });

  test('is set aside under another name, once, and the rest goes on', async () => {
    const { disk, store } = opened();
    await store.writePolicy(policy('version: 1'));
    disk.put(`${folder}/host.json`, 'garbage');
    disk.put(`${folder}/rules.nft`, `# sluice rules, format 3, boot b, sha256 ${sha256('')}\n`);
    disk.put(`${folder}/applied.json`, '{"format":99,"sha256":""}\n{}\n');
    const { notices, policy: kept, host, rules, applied } = await store.open(now);
    expect(kept.current?.texts[0]?.text).toBe('version: 1');
    expect({ host, rules, applied }).toEqual({
      host: { switched: new Map(), networks: [] },
      rules: null,
      applied: null,
    });
    expect(notices).toEqual([
      `${folder}/applied.json is of a newer version of Sluice: it was set aside as ${folder}/applied.json.newer-20261125T160000Z`,
      `${folder}/host.json is damaged: it was set aside as ${folder}/host.json.broken-20261125T160000Z`,
      `${folder}/rules.nft is of a newer version of Sluice: it was set aside as ${folder}/rules.nft.newer-20261125T160000Z`,
    ]);
    expect(disk.textOf(`${folder}/host.json.broken-20261125T160000Z`)).toBe('garbage');
    expect((await store.open(now)).notices).toEqual([]);
  });

  test('texts with a digest that is not theirs', async () => {
    const { disk, store } = opened();
    const state = policy('version: 1');
    const wrong = { ...state, current: { ...state.current, digest: digestOf([]) } };
    disk.put(`${folder}/policy.json`, encodeRecord(JSON.stringify(wrong)));
    expect(await store.readPolicy()).toMatchObject({ kind: 'broken' });
  });
});

describe('what version 1 wrote', () => {
  /** Written by that version's apply on the article's host. */
  const old = readFileSync(join(import.meta.dirname, 'applied-1.json'), 'utf8');
  const since = { seats: [], unknownBridges: 'allow', knownBridges: [], held: { v4: [], v6: [] }, heldNetworks: [] };

  test('is brought into the form of today', async () => {
    const { disk, store } = opened();
    disk.put(`${folder}/applied.json`, old);
    const first = await store.open(now);
    expect(first.notices).toEqual([]);
    expect(first.applied).toMatchObject({ engine: '28.5.2', boot: null, ruleset: since });
    const names = first.applied?.ruleset.endpoints.map(({ container }) => container.name);
    expect(new Set(names)).toEqual(new Set((await articleRuleset()).endpoints.map(({ container }) => container.name)));
    expect(first.applied?.ruleset.programs.map(({ workload }) => workload)).toContain('app/app');
    expect(first.host.switched.get('docker0')).toEqual({ ip: false, ip6: true });
    expect(disk.textOf(`${folder}/applied.json`)).toContain('"format":2');
    // of docker0 it did not say where builds may be: nothing goes to any until the host has been read
    const docker0 = first.applied?.ruleset.bridges.find(({ name }) => name === 'docker0');
    expect(docker0?.unknown).toMatchObject({ kind: 'judge', places: { v4: [], v6: [] } });
    expect(renderRuleset(first.applied?.ruleset as Ruleset).map(({ family }) => family)).toContain('bridge');
    const second = await store.open(now);
    const { switched, ...kept } = first.applied ?? { switched: null };
    expect(switched).toEqual(first.host.switched);
    expect(second.applied).toEqual(kept);
    expect(second.host).toEqual(first.host);
  });

  test('stays on a full disk, and is told', async () => {
    const { disk, store } = opened();
    disk.put(`${folder}/applied.json`, old);
    disk.failAt({ step: 1, kind: 'ENOSPC', torn: 0.5, kept: 1 });
    const { notices, host } = await store.open(now);
    expect(notices.join()).toContain('the disk is full');
    expect(host.switched.size).toBe(3);
    expect(disk.textOf(`${folder}/applied.json`)).toBe(old);
  });
});

test('the last fifty repairs are kept, the latest first', () => {
  let repairs: ReturnType<typeof withRepair> = [];
  for (let at = 0; at < 60; at++) repairs = withRepair(repairs, repair(at));
  expect(repairs.length).toBe(50);
  expect(repairs[0]?.at).toBe(59);
});

test('a bridge goes back to how it stood before its first switching, and what was not known then to how it was found', () => {
  const earlier = new Map([['docker0', { ip: false, ip6: true }]]);
  const later = new Map([
    ['docker0', { ip: true, ip6: true, forwardedGroups: 0 }],
    ['br-1', { ip: false, ip6: false }],
  ]);
  expect(Object.fromEntries(firstOf(earlier, later))).toEqual({
    docker0: { ip: false, ip6: true, forwardedGroups: 0 },
    'br-1': { ip: false, ip6: false },
  });
  expect(firstOf(earlier, new Map())).toEqual(earlier);
});
