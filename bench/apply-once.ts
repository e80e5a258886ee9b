/**
 * One apply's work in TypeScript, in a process of its own, because a command line never runs warm. Arguments: workloads,
 * destinations, kind, file for the nft text. Prints the milliseconds of each stage as JSON.
 */
import { writeFileSync } from 'node:fs';
import { renderRuleset } from '../src/nftables/render.ts';
import { transactionText } from '../src/nftables/transaction.ts';
import { compile } from '../src/ruleset/compile.ts';
import { instant, policyOf, policyTexts, type Size, worldOf } from './scene.ts';

const [workloads, destinations, kind, file = ''] = process.argv.slice(2);
const size: Size = {
  workloads: Number(workloads),
  destinations: Number(destinations),
  kind: kind === 'wide' ? 'wide' : 'exact',
};
const texts = policyTexts(size);
const world = worldOf(size.workloads);

const timed = <T>(work: () => T): [T, number] => {
  const start = performance.now();
  return [work(), performance.now() - start];
};
const [policy, read] = timed(() => policyOf(texts));
const [{ ruleset }, compiled] = timed(() => compile(policy, world, instant));
const [tables, render] = timed(() => renderRuleset(ruleset));
const [text, print] = timed(() => tables.map((table) => transactionText(table, null)).join('\n'));
writeFileSync(file, text);
console.log(JSON.stringify({ read, compile: compiled, render, print }));
