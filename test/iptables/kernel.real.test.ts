import { describe, expect, test } from 'vitest';
import { instant, policyOf, policyTexts, worldOf } from '../../bench/scene.ts';
import { engines } from '../../lab/roots.ts';
import { applyState, removeState, runSteps } from '../../src/iptables/backend.ts';
import { changeState, type StateChange, type Stood } from '../../src/iptables/change.ts';
import { must } from '../../src/iptables/command.ts';
import { differences } from '../../src/iptables/compare.ts';
import { bridgeBetween } from '../../src/iptables/edit.ts';
import { generationOf, Names } from '../../src/iptables/names.ts';
import { type Rendered, renderWhole, renderXtables } from '../../src/iptables/render.ts';
import { readStanding } from '../../src/iptables/standing.ts';
import { toolsOf, variants } from '../../src/iptables/tools.ts';
import { compile } from '../../src/ruleset/compile.ts';
import { generated } from '../agreement/subjects.ts';
import { randomFor } from '../campaign/campaign.ts';
import { readCase, topics } from '../golden/cases.ts';
import { facts } from './facts.ts';
import { RealXtables } from './real-xtables.ts';

const isFull = process.env['SLUICE_CAMPAIGN'] === 'full';
const size = isFull ? 100 : 12;
const rounds = isFull ? 60 : 10;

const ways = engines.flatMap((engine) => variants.map((variant) => ({ engine, variant })));

/** Every case twice over all ways, or with `SLUICE_CAMPAIGN=full` every case in each. */
function casesOf(way: number): readonly string[] {
  return isFull ? topics : topics.filter((_, at) => at % 3 === way % 3);
}

/** Rules of other people's in the tables that we use. */
const others = `*mangle
:THEIRS - [0:0]
-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
-A FORWARD -j THEIRS
-A THEIRS -p tcp -j ACCEPT
COMMIT
*filter
-A FORWARD -s 10.0.0.0/8 -j ACCEPT
COMMIT
`;

describe.each(ways)('iptables-$variant beside engine $engine', ({ engine, variant }) => {
  test('takes golden cases, one in the place of the other, and what stands is what was meant; others keep their rules', async () => {
    await using host = await RealXtables.open(engine);
    const tools = await toolsOf(variant, host.run);
    const options = { run: host.run, tools };
    expect(tools.security).toBe(true);
    await must(host.run, tools.restore[4], ['--noflush'], others);
    const theirs = async () =>
      (await must(host.run, tools.save[4], [])).split('\n').filter((line) => /^-A (?!.*DOCKER-OUTBOUND)/.test(line));
    const before = await theirs();
    expect(before).toHaveLength(4);
    const cases = casesOf(ways.findIndex((way) => way.engine === engine && way.variant === variant));
    for (const topic of cases) {
      const state = renderXtables(readCase(topic).ruleset, facts);
      await applyState(state, options);
      expect(differences(state, await readStanding(options)), topic).toEqual([]);
      expect(await theirs(), topic).toEqual(before);
    }
    // more interfaces than one set takes
    const many = { ...facts, plainInterfaces: Array.from({ length: 150 }, (_, at) => `tun${at}`) };
    const crowded = renderXtables(readCase(cases[0] as string).ruleset, many);
    expect(crowded.sets.some(({ type }) => type === 'list:set')).toBe(true);
    await applyState(crowded, options);
    expect(differences(crowded, await readStanding(options))).toEqual([]);
    const second = renderXtables(readCase(cases[1] as string).ruleset, facts);
    await applyState(second, options);
    // one of the others is now what it should not be
    const other = renderXtables(readCase(cases[0] as string).ruleset, facts);
    expect(differences(other, await readStanding(options)).length).toBeGreaterThan(0);
    expect(await removeState(options)).toBe(true);
    expect(await removeState(options)).toBe(false);
    expect(await theirs()).toEqual(before);
    expect(await must(host.run, 'ipset', ['list', '-n'])).toBe('');
    for (const save of [tools.save[4], tools.save[6], tools.ebtables.save])
      expect(await must(host.run, save, [])).not.toContain('DOCKER-OUTBOUND');
  });

  test('takes generated policies, one in the place of the other', async () => {
    await using host = await RealXtables.open(engine);
    const options = { run: host.run, tools: await toolsOf(variant, host.run) };
    let held = 0;
    for (const { name, ruleset } of generated(500 + engines.indexOf(engine), size, 1)) {
      const state = renderXtables(ruleset, facts);
      await applyState(state, options);
      expect(differences(state, await readStanding(options)), name).toEqual([]);
      held++;
    }
    expect(held).toBeGreaterThanOrEqual(3);
    expect(await removeState(options)).toBe(true);
  });

  test('takes senders who come and go, saying only what differs', async () => {
    await using host = await RealXtables.open(engine);
    const options = { run: host.run, tools: await toolsOf(variant, host.run) };
    const random = randomFor(`senders by ${variant} beside ${engine}`);
    const names = new Names();
    // names that begin alike, or with one another, lead through a tree once they are more than a few
    const everybody = worldOf(24).containers.map((container, at) => ({
      ...container,
      endpoints: container.endpoints.map((endpoint) => ({
        ...endpoint,
        port: { name: `veth${['', 'a', 'ab', 'b7', 'b7c'][at % 5]}${Math.floor(at / 5)}`, index: 100 + at },
      })),
    }));
    const policy = policyOf(policyTexts({ workloads: 24, destinations: 2, kind: 'exact' }));
    let before = null as { readonly rendered: Rendered; readonly stood: Stood } | null;
    const numbers: number[] = [];
    const used = new Set<number>();
    for (let round = 0; round < rounds; round++) {
      const some = random.pick([0.1, 0.3, 0.9]);
      const containers = everybody.filter(() => random.next() < some);
      const { ruleset } = compile(policy, { ...worldOf(0), containers }, instant);
      const rendered: Rendered = renderWhole(ruleset, facts, names, before?.rendered);
      const change: StateChange | null =
        before && changeState(before.stood, rendered.state, bridgeBetween(before.rendered, rendered), used);
      if (change === null) {
        const generation = await applyState(rendered.state, options);
        const generations = new Map(rendered.state.sets.map(({ name }) => [name, generation]));
        before = { rendered, stood: { state: rendered.state, generations } };
      } else {
        await runSteps(change.steps, options);
        for (const name of change.stale) used.add(generationOf(name)?.generation ?? 0);
        before = { rendered, stood: change.stood };
      }
      numbers.push(containers.length);
      expect(differences(rendered.state, await readStanding(options)), `${numbers.join(', ')} senders`).toEqual([]);
    }
    expect(Math.max(...numbers)).toBeGreaterThan(8);
    expect(await removeState(options)).toBe(true);
  });
});
