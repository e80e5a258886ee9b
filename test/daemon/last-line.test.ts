import { expect, test } from 'vitest';
import { type HolderPorts, KernelHolder } from '../../src/daemon/kernel-holder.ts';
import type { Guarded } from '../../src/netlink/last-line.ts';
import { NftError } from '../../src/nftables/nft.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import { readCase } from '../golden/cases.ts';

/** A kernel that only writes down in which order it was told what. */
function told() {
  const said: string[] = [];
  /** What nft was given to load, and whether it refuses. */
  const kernel = { loads: [] as string[], refuses: false };
  const names = ({ strict, enrolled }: Guarded) => `strict ${strict.join(' ')}; enrolled ${enrolled.join(' ')}`;
  const ports: HolderPorts = {
    nft: async (args, input = '') => {
      if (args[0] !== '-f') return { code: 1, signal: null, stdout: '', stderr: 'No such file or directory' };
      if (kernel.refuses) return { code: 1, signal: null, stdout: '', stderr: 'Error: Could not process rule' };
      kernel.loads.push(input);
      said.push('rules');
      return { code: 0, signal: null, stdout: '', stderr: '' };
    },
    setElements: () => void said.push('elements'),
    shut: () => {},
    lastLine: {
      state: 'stands',
      hold: (guarded) => void said.push(`hold ${names(guarded)}`),
      narrow: (guarded) => void said.push(`narrow ${names(guarded)}`),
    },
    bridges: { load: async () => {}, read: () => null, set: () => {} },
    conntrack: { dumpFlows: () => [], deleteFlows: () => ({ deleted: 0, gone: 0 }), markFlows: () => {} },
  };
  return { holder: new KernelHolder(ports, new Set()), said, kernel };
}

const { ruleset } = readCase('09-build');
const quiet = (bridges: Ruleset['bridges']): Ruleset => ({ ...ruleset, bridges, endpoints: [] });
const judged = ruleset.bridges.filter(({ unknown }) => unknown.kind === 'judge').map(({ name }) => name);
const enrolled = ruleset.bridges.map(({ name }) => name);
const strict = enrolled.filter((name) => !judged.includes(name));
const whole = `strict ${strict.join(' ')}; enrolled ${enrolled.join(' ')}`;

test('a bridge joins the last line after the rules hold it, and leaves before they let it go', async () => {
  expect(judged).not.toEqual([]);
  const { holder, said } = told();
  await holder.hold(quiet([]), quiet(ruleset.bridges), 0);
  expect(said[0]).toBe(`narrow ${whole}`);
  expect(said.at(-1)).toBe(`hold ${whole}`);
  expect(said.indexOf('rules')).toBeLessThan(said.indexOf(`hold ${whole}`));

  said.length = 0;
  await holder.hold(quiet([]), quiet([]), 0);
  expect(said[0]).toBe('narrow strict ; enrolled ');
  expect(said.length).toBeGreaterThan(2);
});

test('a bridge that the guard enrols joins at once', async () => {
  const { holder, said } = told();
  await holder.hold(quiet([]), quiet(ruleset.bridges), 0);
  said.length = 0;
  holder.closed({ bridge: { name: 'br-late', index: 77 }, why: 'connected' });
  expect(said).toEqual([
    `hold strict ${[...strict, 'br-late'].join(' ')}; enrolled ${[...enrolled, 'br-late'].join(' ')}`,
  ]);
});

test('after a change that was refused, the last line and a repair are as what stands, not as what was refused', async () => {
  const { holder, said, kernel } = told();
  await holder.hold(quiet([]), quiet(ruleset.bridges), 0);
  await holder.repair();
  const asItStands = kernel.loads.at(-1);
  kernel.refuses = true;
  await expect(holder.hold(quiet([]), quiet([]), 0)).rejects.toThrow(NftError);
  expect(holder.knows).toBe(false);
  expect(said.at(-1)).toBe(`hold ${whole}`);
  kernel.refuses = false;
  expect(await holder.repair()).toBe(true);
  expect(kernel.loads.at(-1)).toBe(asItStands);
});

test('where the very first change was refused there is nothing to put back', async () => {
  const { holder, kernel } = told();
  kernel.refuses = true;
  await expect(holder.hold(quiet([]), quiet(ruleset.bridges), 0)).rejects.toThrow(NftError);
  expect(holder.shut()).toBe(false);
  expect(await holder.repair()).toBe(false);
});
