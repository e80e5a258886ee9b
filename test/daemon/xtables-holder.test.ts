import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { Seated } from '../../src/daemon/guard/protocol.ts';
import { seeStanding } from '../../src/daemon/seen.ts';
import { XtablesHolder } from '../../src/daemon/xtables-holder.ts';
import { atOnce } from '../../src/iptables/batches.ts';
import { differences } from '../../src/iptables/compare.ts';
import { Names } from '../../src/iptables/names.ts';
import { standingNumbers } from '../../src/iptables/numbers.ts';
import { renderXtables } from '../../src/iptables/render.ts';
import { readText } from '../../src/iptables/standing.ts';
import { seatRules } from '../../src/nftables/sender-sets.ts';
import { compile } from '../../src/ruleset/compile.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import { full } from '../campaign/campaign.ts';
import { arbitraryCase, caseTime } from '../generate/cases.ts';
import { withStopped } from '../generate/worlds.ts';
import { facts } from '../iptables/facts.ts';
import { endpoint, program, rulesetOf } from '../nftables/rulesets.ts';
import { FakeXtables, fakeTools } from './fake-xtables.ts';

const runs = full ? { anyhow: 15, comings: 20, told: 30 } : { anyhow: 4, comings: 6, told: 10 };

class Bench {
  readonly kernel = new FakeXtables();
  readonly failures: string[] = [];
  /** How many looks were made in a thread of their own. */
  apart = 0;
  readonly holder: XtablesHolder;

  constructor() {
    this.holder = new XtablesHolder(
      {
        xtables: { run: this.kernel.run, tools: fakeTools },
        looking: this.kernel.run,
        lookApart: (tools) => {
          this.apart++;
          return seeStanding({ run: this.kernel.run, tools });
        },
        facts: () => facts,
        bridges: { load: async () => {}, read: () => ({ ip: true, ip6: true }), set() {} },
        conntrack: { dumpFlows: () => [], deleteFlows: () => ({ deleted: 0, gone: 0 }), markFlows: () => {} },
      },
      new Set(),
      (reason) => void this.failures.push(reason),
    );
  }

  async hold(ruleset: Ruleset) {
    this.kernel.said.length = 0;
    return (await this.holder.hold(ruleset, ruleset, 0)).change;
  }

  /** The guard tells of somebody. */
  async changed(leaving: readonly Seated[], coming: readonly Seated[]): Promise<void> {
    this.kernel.said.length = 0;
    this.holder.changed(leaving, coming, []);
    // what stands is not known while it is being changed
    do await new Promise((resolve) => setTimeout(resolve, 5));
    while (!this.holder.knows && this.failures.length === 0);
  }

  /** What does not stand as rendering the ruleset says, by nothing but what the save commands print. */
  async wrong(ruleset: Ruleset): Promise<readonly string[]> {
    const standing = atOnce((await readText({ run: this.kernel.run, tools: fakeTools })).standing());
    const numbers = standingNumbers(standing.inet, new Names());
    return differences(renderXtables(ruleset, facts, numbers), standing, false);
  }

  get programs(): readonly string[] {
    return this.kernel.said.map(({ program }) => program);
  }
}

function seatedOf(ruleset: Ruleset, container: string): readonly Seated[] {
  return ruleset.endpoints
    .filter((one) => one.container.id === container)
    .flatMap((one) => {
      const seat = ruleset.seats.find((s) => s.container.id === container && s.bridge.index === one.bridge.index);
      if (seat === undefined) return [];
      const { port, mac, addresses } = one;
      return [{ container, network: seat.network, rules: seatRules(ruleset, seat), place: { port, mac, addresses } }];
    });
}

const app = program('app');
const running = (...numbers: readonly number[]) =>
  rulesetOf({ programs: [app], endpoints: numbers.map((n) => endpoint(n, 'app')) });

describe('what the kernel holds with iptables', () => {
  test('is what was asked for, whatever stood before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(arbitraryCase(0), { minLength: 2, maxLength: 4 }), async (cases) => {
        const bench = new Bench();
        for (const { ruleset } of cases) {
          await bench.hold(ruleset);
          expect(await bench.wrong(ruleset)).toEqual([]);
          expect(await bench.holder.look()).toBeNull();
        }
      }),
      { numRuns: runs.anyhow },
    );
  });

  test('is at rest when those who came are seen to, so that nobody changes it behind the next holder', async () => {
    const bench = new Bench();
    const [without, ruleset] = [running(1), running(1, 2)];
    await bench.hold(without);
    bench.kernel.said.length = 0;
    bench.kernel.slowness = 20;
    bench.holder.closed({ bridge: { name: 'br-other', index: 77 }, why: 'new' });
    bench.holder.barred({ name: 'veth7', index: 7 });
    expect(bench.programs).toEqual([]);
    await bench.holder.atRest();
    const { length } = bench.programs;
    expect(length).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(bench.programs).toHaveLength(length);
    expect(bench.failures).toEqual([]);
    expect(await bench.hold(ruleset)).not.toBe('nothing');
  });

  test('is what was asked for when containers come and go, and then only what differs was said', async () => {
    let small = 0;
    await fc.assert(
      fc.asyncProperty(arbitraryCase(0), fc.nat(), async ({ policy, world, ruleset }, which) => {
        const newcomer = world.containers[which % world.containers.length];
        fc.pre(newcomer !== undefined && newcomer.endpoints.length > 0);
        const stopped = compile(policy, withStopped(world, newcomer.id), caseTime).ruleset;
        const bench = new Bench();
        for (const one of [stopped, ruleset, stopped, ruleset]) {
          const change = await bench.hold(one);
          if (change !== 'all') small++;
          expect(await bench.wrong(one)).toEqual([]);
        }
        expect(await bench.hold(ruleset)).toBe('nothing');
      }),
      { numRuns: runs.comings },
    );
    expect(small).toBeGreaterThan(runs.comings);
  });

  test('is the same when the guard has told who came, before any ruleset says so', async () => {
    let seated = 0;
    await fc.assert(
      fc.asyncProperty(arbitraryCase(0), fc.nat(), async ({ policy, world, ruleset }, which) => {
        const newcomer = world.containers[which % world.containers.length];
        fc.pre(newcomer !== undefined && newcomer.endpoints.length > 0 && newcomer.published.length === 0);
        const coming = seatedOf(ruleset, newcomer.id);
        const stopped = compile(policy, withStopped(world, newcomer.id), caseTime).ruleset;
        const bench = new Bench();
        await bench.hold(stopped);
        await bench.changed([], coming);
        if (bench.failures.length > 0) return; // then the next pass does it
        if (coming.length > 0) seated++;
        // groups of the ruleset may have it without a seat; nobody who may send is missing
        const wrong = (await bench.wrong(ruleset)).filter((one) => /forward|host|ebtables/.test(one));
        if (coming.length === ruleset.endpoints.filter(({ container }) => container.id === newcomer.id).length)
          expect(wrong).toEqual([]);
        await bench.hold(ruleset);
        expect(await bench.wrong(ruleset)).toEqual([]);
      }),
      { numRuns: runs.told },
    );
    expect(seated).toBeGreaterThan(0);
  });
});

const seat = (n: number): Seated => {
  const { container, port, mac, addresses, bridge } = endpoint(n, 'app');
  const entry = (plane: string, family: number) => ({ kind: 'goto', chain: `${plane}${family}/app` }) as const;
  return {
    container: container.id,
    network: 'app_default',
    rules: {
      bridge,
      strict: true,
      entries: {
        forward4: entry('forward', 4),
        forward6: entry('forward', 6),
        host4: entry('host', 4),
        host6: entry('host', 6),
      },
      groups: [],
      opens: [],
    },
    place: { port, mac, addresses },
  };
};

describe('somebody', () => {
  test('who comes has his elements first and his proof last, and no rule is touched', async () => {
    const bench = new Bench();
    await bench.hold(running(1));
    await bench.changed([], [seat(2)]);
    expect(bench.programs).toEqual(['ipset', 'ebtables-nft-restore']);
    expect(bench.failures).toEqual([]);
    expect(await bench.wrong(running(1, 2))).toEqual([]);
    expect(await bench.hold(running(1, 2))).toBe('nothing');
  });

  test('who goes loses his proof first', async () => {
    const bench = new Bench();
    await bench.hold(running(1, 2));
    await bench.changed([seat(2)], []);
    expect(bench.programs).toEqual(['ebtables-nft-restore', 'ipset']);
    expect(await bench.wrong(running(1))).toEqual([]);
  });

  test('who takes another’s place is proven when nobody has that any more', async () => {
    const bench = new Bench();
    await bench.hold(running(1, 2));
    await bench.changed([seat(2)], [{ ...seat(2), place: { ...seat(2).place, port: { name: 'veth9', index: 99 } } }]);
    expect(bench.programs).toEqual(['ebtables-nft-restore', 'ebtables-nft-restore']);
    expect(bench.kernel.said[0]?.input).not.toContain('veth9');
    expect(bench.kernel.said[1]?.input).toContain('veth9');
  });

  test('who comes while another ruleset is put in force is not taken out by it', async () => {
    const bench = new Bench();
    await bench.hold(running(1));
    bench.kernel.slowness = 20;
    const holding = bench.holder.hold(running(1, 3), running(1, 3), 0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    bench.holder.changed([], [seat(2)], []);
    await holding;
    bench.kernel.slowness = 0;
    await bench.changed([], []);
    expect(await bench.wrong(running(1, 2, 3))).toEqual([]);
  });

  test('many who come together are one change', async () => {
    const bench = new Bench();
    await bench.hold(running(1));
    bench.kernel.slowness = 20;
    bench.kernel.said.length = 0;
    for (const n of [2, 3, 4, 5]) bench.holder.changed([], [seat(n)], []);
    await vi.waitFor(() => expect(bench.programs).toHaveLength(2), { timeout: 20_000 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(bench.programs).toEqual(['ipset', 'ebtables-nft-restore']);
    expect(await bench.wrong(running(1, 2, 3, 4, 5))).toEqual([]);
  });

  test('who cannot be seen to is told of, and the next ruleset is put in whole', async () => {
    const bench = new Bench();
    await bench.hold(running(1));
    bench.kernel.refusals = 1;
    await bench.changed([], [seat(2)]);
    expect(bench.failures).toHaveLength(1);
    expect(bench.holder.knows).toBe(false);
    expect(await bench.hold(running(1, 2))).toBe('all');
    expect(await bench.wrong(running(1, 2))).toEqual([]);
  });

  test('who could not be seen to is among those whom a repair puts back', async () => {
    const bench = new Bench();
    await bench.hold(running(1));
    bench.kernel.refusals = 1;
    await bench.changed([], [seat(2)]);
    expect(bench.failures).toHaveLength(1);
    bench.holder.changed([seat(1)], [], [seat(2)]); // he has gone while nothing is known
    expect(await bench.holder.repair()).toBe(true);
    expect(await bench.wrong(running(2))).toEqual([]);
  });

  test('on a bridge that is closed at once is not let through unproven', async () => {
    const bench = new Bench();
    await bench.hold(running(1));
    bench.kernel.said.length = 0;
    bench.holder.closed({ bridge: { name: 'br-other', index: 77 }, why: 'connected' });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(bench.programs).toEqual(['ipset']);
    expect(bench.kernel.elements('sluice-bridges4')).toContain('0.0.0.0/0,br-other');
    expect(bench.kernel.elements('sluice-bridges6')).toContain('::/0,br-other');
  });

  test('by a port that is barred is let through by nothing, until the ruleset lets it go', async () => {
    const bench = new Bench();
    await bench.hold(running(1));
    const port = { name: 'veth77', index: 77 };
    bench.holder.barred(port);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(bench.failures).toEqual([]);
    const restored = await bench.kernel.run('ebtables-save', []);
    expect(restored?.stdout).toContain('-i veth77 -j DROP');
    await bench.hold({ ...running(1), barred: [port] });
    expect(await bench.wrong({ ...running(1), barred: [port] })).toEqual([]);
    await bench.hold(running(1));
    expect(await bench.wrong(running(1))).toEqual([]);
  });

  test.each(['said as a change', 'made anew'])(
    'on a bridge that is enrolled with what lets a port go: first that, and then the port, %s',
    async (how) => {
      const bench = new Bench();
      const port = { name: 'veth77', index: 77 };
      const other = { ...(running(1).bridges[0] as Ruleset['bridges'][number]), name: 'br-other' };
      const before = { ...running(1), barred: [port] };
      await bench.hold(before);
      if (how === 'made anew') bench.holder.doubt();
      const held: [boolean, boolean][] = [];
      bench.kernel.after = () => {
        const isBarred = bench.kernel.bridge.get('nat')?.get('DOCKER-OUTBOUND-FILTER')?.includes('-i veth77 -j DROP');
        const isEnrolled = [...(bench.kernel.inet[4].get('raw')?.get('DOCKER-OUTBOUND-FILTER') ?? [])].some((rule) => {
          const [, set = ''] = /--match-set (sluice-bridges4\S*) /.exec(rule) ?? [];
          return bench.kernel.sets.get(set)?.elements.has('0.0.0.0/0,br-other') === true;
        });
        held.push([isBarred === true, isEnrolled]);
      };
      const after = { ...running(1), bridges: [...running(1).bridges, other] };
      await bench.hold(after);
      expect(held).not.toContainEqual([false, false]);
      expect(held.at(-1)).toEqual([false, true]);
      expect(await bench.wrong(after)).toEqual([]);
    },
  );
});

test('after a change that was refused, a repair puts back what stood before it', async () => {
  const bench = new Bench();
  await bench.hold(running(1));
  bench.kernel.refusals = Number.POSITIVE_INFINITY;
  await expect(bench.hold(running(1, 2))).rejects.toThrow('refused, as the test wants it');
  expect(bench.holder.knows).toBe(false);
  bench.kernel.refusals = 0;
  expect(await bench.holder.repair()).toBe(true);
  expect(await bench.wrong(running(1))).toEqual([]);
  expect(await bench.hold(running(1, 2))).not.toBe('nothing');
  expect(await bench.wrong(running(1, 2))).toEqual([]);
});

describe('a look', () => {
  const changes: readonly [string, (kernel: FakeXtables) => void, RegExp][] = [
    ['a chain that was flushed', (kernel) => kernel.flush(4, 'mangle', 'DOCKER-OUTBOUND-FILTER'), /iptables mangle/],
    ['a jump that is gone', (kernel) => kernel.flush(6, 'security', 'FORWARD'), /ip6tables security/],
    [
      'an element that somebody has put in',
      (kernel) => {
        for (const [name, { elements }] of kernel.sets)
          if (name.startsWith('sluice-forward4')) elements.set('172.20.0.77,br-app', '');
      },
      /sluice-forward4 has 172\.20\.0\.77/,
    ],
    [
      'an element that is gone',
      (kernel) => {
        for (const [name, { elements }] of kernel.sets) if (name.startsWith('sluice-bridges4')) elements.clear();
      },
      /sluice-bridges4 is without/,
    ],
    ['a proof that is gone', (kernel) => void kernel.bridge.get('nat')?.set('PREROUTING', []), /ebtables nat/],
  ];

  test.each(changes)('finds %s, and the repair puts it back', async (_, change, told) => {
    const bench = new Bench();
    await bench.hold(running(1, 2));
    expect(await bench.holder.look()).toBeNull();
    change(bench.kernel);
    expect((await bench.holder.look())?.what.join()).toMatch(told);
    expect(await bench.holder.repair()).toBe(true);
    expect(await bench.holder.look()).toBeNull();
    expect(await bench.wrong(running(1, 2))).toEqual([]);
  });

  test('is in a thread of its own where there is much to read, and finds the same', async () => {
    const v4 = Array.from({ length: 20_000 }, (_, n) => ({ low: BigInt(2 * n), high: BigInt(2 * n) }));
    const much = program('app', {
      allow: [
        {
          plane: 'forward',
          to: { kind: 'addresses', set: { v4, v6: [] } },
          l4: 'any',
          entry: 'much',
          source: program('app').otherwise,
        },
      ],
    });
    const bench = new Bench();
    await bench.hold(running(1));
    expect(await bench.holder.look()).toBeNull();
    expect(bench.apart).toBe(0);
    await bench.hold(rulesetOf({ programs: [much], endpoints: [endpoint(1, 'app')] }));
    expect(await bench.holder.look()).toBeNull();
    expect(bench.apart).toBe(1);
    bench.kernel.inet[4].get('mangle')?.get('FORWARD')?.unshift('-j ACCEPT');
    expect((await bench.holder.look())?.what.join()).toMatch(/mangle: FORWARD does not begin/);
    expect(bench.apart).toBe(2);
  });

  test('minds nobody else’s rules behind ours', async () => {
    const bench = new Bench();
    await bench.hold(running(1));
    bench.kernel.inet[4].get('filter')?.get('FORWARD')?.push('-j DOCKER-USER');
    expect(await bench.holder.look()).toBeNull();
  });

  test('says nothing of what was changed while it was read', async () => {
    const bench = new Bench();
    await bench.hold(running(1));
    const looking = bench.holder.look();
    bench.holder.changed([], [seat(2)], []);
    expect(await looking).toBeNull();
    expect(bench.failures).toEqual([]);
  });

  test.each(changes)('finds %s also while somebody comes', async (_, change, told) => {
    const bench = new Bench();
    await bench.hold(running(1));
    expect(await bench.holder.look()).toBeNull();
    change(bench.kernel);
    const looking = bench.holder.look();
    bench.holder.changed([], [seat(2)], []);
    const found = await looking;
    // what his coming changes as well is looked at again when he is there
    expect((found ?? (await bench.holder.look()))?.what.join()).toMatch(told);
    expect(found === null).toBe(told.source.includes('forward4'));
  });
});
