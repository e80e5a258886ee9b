/**
 * Runs on the lab's host: whether the kernel holds what policy says of the world, both read afresh, with nothing of a
 * daemon's but the networks it remembers. What it keeps of workloads that have gone may stand beside that, where no packet
 * comes to it. Prints `{"differences": […]}` as JSON.
 *
 *     node standing.ts POLICY STATE
 */
import { readFileSync } from 'node:fs';
import { openEngine } from '../../src/cli/system/engine.ts';
import { systemFiles } from '../../src/cli/system/files.ts';
import { kernelView } from '../../src/host/kernel-view.ts';
import { canonicalTables } from '../../src/nftables/canonical.ts';
import type { Table } from '../../src/nftables/model.ts';
import { nftCommand } from '../../src/nftables/nft.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import { readPolicy } from '../../src/policy/read.ts';
import { compile } from '../../src/ruleset/compile.ts';
import { hostPart } from '../../src/state/host-state.ts';
import { readPart } from '../../src/state/part.ts';
import { readBack } from '../agreement/standing.ts';
import { withoutKept } from './reached.ts';

const [policyPath = '', state = ''] = process.argv.slice(2);
const text = {
  path: policyPath,
  text: readFileSync(policyPath, 'utf8'),
  role: 'policy',
  writableByOthers: false,
} as const;
const { policy, diagnostics } = readPolicy([text], { now: Date.now() });
if (policy === null) throw new Error(diagnostics.map(({ message }) => message).join('; '));
const host = await readPart(state, hostPart, systemFiles);
const world = await (await openEngine(undefined, process.env)).readWorld();
const remembered = host.kind === 'good' ? host.value.networks : [];
const wanted = renderRuleset(compile(policy, world, Date.now(), remembered).ruleset);
const interfaces = new Map(
  kernelView()
    .links()
    .map(({ name, index }) => [name, index]),
);
const stands = await readBack(nftCommand, interfaces);
process.stdout.write(
  JSON.stringify({ differences: differences(linesOf(wanted), linesOf(withoutKept(stands, wanted))) }),
);

/** Each element, rule and definition as a line of its own, so that what differs can be named. */
function linesOf(tables: readonly Table[]): ReadonlySet<string> {
  const lines = canonicalTables(tables).flatMap((table) => {
    const at = `${table.family} ${table.name}`;
    return [
      ...table.counters.map((name) => `${at} counter ${name}`),
      ...table.sets.flatMap(({ elements, ...set }) => [
        `${at} set ${set.name} ${json(set)}`,
        ...elements.map((element) => `${at} set ${set.name} element ${json(element)}`),
      ]),
      ...table.chains.flatMap(({ rules, ...chain }) => [
        `${at} chain ${chain.name} ${json(chain)}`,
        ...rules.map((rule, number) => `${at} chain ${chain.name} rule ${number} ${json(rule)}`),
      ]),
    ];
  });
  return new Set(lines);
}

function json(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? `0x${one.toString(16)}` : one));
}

function differences(wanted: ReadonlySet<string>, stands: ReadonlySet<string>): readonly string[] {
  return [
    ...[...wanted].filter((line) => !stands.has(line)).map((line) => `lacking: ${line}`),
    ...[...stands].filter((line) => !wanted.has(line)).map((line) => `too much: ${line}`),
  ];
}
