import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkout } from '../../../lab/host.ts';
import type { WalkPacket } from './subject.ts';

/** A mistake that a walker could make: a text of its source, which stands there once, and what stands there instead. */
interface Fault {
  readonly file: string;
  readonly right: string;
  readonly wrong: string;
}

export const faults: Readonly<Record<string, Fault>> = {
  'accept ends everything': {
    file: 'chain.ts',
    right: "this.#accept(told({ kind: 'accept' }), at);",
    wrong: "this.ended.push(told({ kind: 'accept' }).end('accepted', { kind: 'rule', at }));",
  },
  'a drop ends its chain only': {
    file: 'chain.ts',
    right: "this.ended.push(told({ kind: 'drop' }).end('dropped', { kind: 'rule', at }));",
    wrong: "this.accepted.push(told({ kind: 'drop' }));",
  },
  'chains go by their names': {
    file: 'hooks.ts',
    right: 'return stations.toSorted((a, b) => a.priority - b.priority);',
    wrong:
      "const name = (of: Station) => (of.kind === 'chain' ? of.standing.table.name : of.kind);\n  return stations.toSorted((a, b) => name(a).localeCompare(name(b)));",
  },
  'of equal priorities the first goes first': { file: 'hooks.ts', right: '.toReversed()', wrong: '.slice()' },
  'a goto comes back': {
    file: 'chain.ts',
    right: "(verdict.kind === 'jump' ? to.on : to.back).push(...back);",
    wrong: 'to.on.push(...back);',
  },
  'a return leaves everything': {
    file: 'chain.ts',
    right: "to.back.push(told({ kind: 'return' }));",
    wrong: "this.accepted.push(told({ kind: 'return' }));",
  },
  'addresses are translated after everything': {
    file: 'hooks.ts',
    right: "stations.push({ kind: 'nat', ...nat[hook as keyof typeof nat], chains });",
    wrong: "stations.push({ kind: 'nat', ...nat[hook as keyof typeof nat], priority: 1000, chains });",
  },
  'replies are not translated back': {
    file: 'translate.ts',
    right: "if (conversation.direction === 'original') {",
    wrong: "if (conversation.direction === 'reply') return way;\n  if (conversation.direction !== null) {",
  },
  'replies count as new': {
    file: 'ask.ts',
    right: "{ ...known, state: 'established', direction: 'reply' }",
    wrong: "{ ...known, state: 'new', direction: 'reply' }",
  },
  'a negation is lost': {
    file: 'match.ts',
    right:
      'const found = isAmong(key, condition.values, sight);\n      return condition.not ? opposite[found] : found;',
    wrong: 'const found = isAmong(key, condition.values, sight);\n      return found;',
  },
  'policies are ignored': {
    file: 'chain.ts',
    right: "if (policy === 'accept')",
    wrong: "if (policy !== 'drop' || true)",
  },
  'exceptions of sets are ignored': { file: 'match.ts', right: 'best === null || best.except', wrong: 'best === null' },
  'masks are ignored': {
    file: 'match.ts',
    right: 'mask === undefined ? span : masked(span, mask)',
    wrong: 'mask === undefined ? span : span',
  },
  'of a list only its first is looked at': {
    file: 'match.ts',
    right: 'for (const tuple of values) {',
    wrong: 'for (const tuple of values.slice(0, 1)) {',
  },
  'rules take packets out of sight too late': {
    file: 'hooks.ts',
    right: 'const conntrack = -200;',
    wrong: 'const conntrack = -400;',
  },
  'br_netfilter is not thought of': {
    file: 'walk.ts',
    right: 'const answers = calls === null ? [true, false] : [calls];',
    wrong: 'const answers = calls === null ? [true, false] : [false];',
  },
  'marks are forgotten': { file: 'act.ts', right: 'return (mark & ~mask) ^ value;', wrong: 'return mark;' },
  'rules of the bridge family are not walked': {
    file: 'pass.ts',
    right: "if (chains.length === 0) return ways;\n  let going = announce(ways, 'bridge', hook);",
    wrong: "if (chains.length >= 0) return ways;\n  let going = announce(ways, 'bridge', hook);",
  },
  'verdict maps are passed over': {
    file: 'chain.ts',
    right: "if (found === 'no' || entry.verdict === null) continue;",
    wrong: 'if (entry.verdict !== undefined) continue;',
  },
};

const walkDir = 'src/packetpath/walk';

/** The walker with a fault in it, from a copy of its source that is gone afterwards. */
export async function withFault<T>(
  fault: Fault,
  use: (walkPacket: WalkPacket, ask: typeof import('../../../src/packetpath/walk/ask.ts')) => T,
): Promise<T> {
  const copy = await mkdtemp(join(tmpdir(), 'sluice-fault-'));
  try {
    for (const part of ['ip', 'packetpath/model.ts', 'packetpath/walk'])
      await cp(join(checkout, 'src', part), join(copy, 'src', part), { recursive: true });
    const path = join(copy, walkDir, fault.file);
    const source = await readFile(path, 'utf8');
    if (source.split(fault.right).length !== 2) throw new Error(`${fault.file} does not have once: ${fault.right}`);
    await writeFile(
      path,
      source.replace(fault.right, () => fault.wrong),
    );
    const load = (file: string): Promise<unknown> =>
      import(/* @vite-ignore */ pathToFileURL(join(copy, walkDir, file)).href);
    const { walkPacket } = (await load('walk.ts')) as { walkPacket: WalkPacket };
    return use(walkPacket, (await load('ask.ts')) as typeof import('../../../src/packetpath/walk/ask.ts'));
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
