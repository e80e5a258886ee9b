import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyState } from '../../src/iptables/backend.ts';
import { atOnce } from '../../src/iptables/batches.ts';
import { differences } from '../../src/iptables/compare.ts';
import { digestsOfStanding, digestsOfState } from '../../src/iptables/digests.ts';
import type { XState } from '../../src/iptables/model.ts';
import { chainPrefix } from '../../src/iptables/names.ts';
import { renderXtables } from '../../src/iptables/render.ts';
import { readText } from '../../src/iptables/standing.ts';
import { FakeXtables, fakeTools } from '../daemon/fake-xtables.ts';
import { arbitraryCase } from '../generate/cases.ts';
import { facts } from './facts.ts';

const programs = (kernel: FakeXtables) => ({ run: kernel.run, tools: fakeTools });

async function standingOf(kernel: FakeXtables) {
  return atOnce((await readText(programs(kernel))).standing());
}

/** What is not as it should be, by the digests. */
async function differing(state: XState, kernel: FakeXtables): Promise<readonly string[]> {
  const there = atOnce(digestsOfStanding(await standingOf(kernel)));
  return [...atOnce(digestsOfState(state))].flatMap(([name, digest]) => (there.get(name) === digest ? [] : [name]));
}

/** Lists of rules that a look has an eye on: of our chains, and of hooks, whose first rule counts. */
function listsOf(kernel: FakeXtables): readonly string[][] {
  return [...Object.values(kernel.inet), kernel.bridge].flatMap((tables) =>
    [...tables.values()].flatMap((chains) => [...chains.values()]),
  );
}

/** What somebody does to the kernel; `pick` chooses among what there is. */
const deeds: Readonly<Record<string, (kernel: FakeXtables, pick: number) => void>> = {
  'takes a rule away': (kernel, pick) => {
    const lists = listsOf(kernel).filter(({ length }) => length > 0);
    const list = lists[pick % lists.length];
    list?.splice(pick % list.length, 1);
  },
  'puts a rule in': (kernel, pick) => {
    const lists = listsOf(kernel);
    const list = lists[pick % lists.length];
    list?.splice(pick % (list.length + 1), 0, pick % 2 === 0 ? '-j RETURN' : '-s 10.9.8.7/32 -j DROP');
  },
  'turns two rules round': (kernel, pick) => {
    const lists = listsOf(kernel).filter(({ length }) => length > 1);
    const list = lists[pick % lists.length];
    if (list === undefined) return;
    const at = pick % (list.length - 1);
    list.splice(at, 2, ...list.slice(at, at + 2).toReversed());
  },
  'takes a chain away': (kernel, pick) => {
    const chains = [...kernel.inet[4].values(), ...kernel.bridge.values()].filter((one) =>
      [...one.keys()].some((name) => name.startsWith(chainPrefix)),
    );
    const own = chains[pick % chains.length];
    const names = [...(own?.keys() ?? [])].filter((name) => name.startsWith(chainPrefix));
    own?.delete(names[pick % names.length] as string);
  },
  'takes an element away': (kernel, pick) => {
    const sets = [...kernel.sets.values()].filter(({ elements }) => elements.size > 0);
    const elements = sets[pick % sets.length]?.elements;
    if (elements !== undefined) elements.delete([...elements.keys()][pick % elements.size] as string);
  },
  'puts an element in': (kernel, pick) => {
    const sets = [...kernel.sets.values()];
    sets[pick % sets.length]?.elements.set('10.9.8.7', '');
  },
  'does nothing': () => {},
};

describe('digests of what stands', () => {
  test('are those of what is to stand, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryCase(0), async ({ ruleset }) => {
        const kernel = new FakeXtables();
        const state = renderXtables(ruleset, facts);
        await applyState(state, programs(kernel));
        expect(await differing(state, kernel)).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });

  test.each(Object.keys(deeds))('differ exactly where rule by rule something does, when somebody %s', async (deed) => {
    let found = 0;
    await fc.assert(
      fc.asyncProperty(arbitraryCase(0), fc.nat(100_000), async ({ ruleset }, pick) => {
        const kernel = new FakeXtables();
        const state = renderXtables(ruleset, facts);
        await applyState(state, programs(kernel));
        deeds[deed]?.(kernel, pick);
        const named = await differing(state, kernel);
        const told = differences(state, await standingOf(kernel), false);
        expect(named.length > 0, `${named.join()} · ${told.join()}`).toBe(told.length > 0);
        if (named.length > 0) found++;
      }),
      { numRuns: 15 },
    );
    expect(found > 0).toBe(deed !== 'does nothing');
  });
});
