import type { Listing } from '../../../src/packetpath/model.ts';
import { readListing } from '../../../src/packetpath/read/read.ts';
import type { RuleSet } from './generate.ts';
import type { Rig } from './rig.ts';

const empty = ['raw', 'mangle', 'nat', 'filter', 'security'];

/** Puts a rule set into the rig's host, in place of all others. Throws with the program's words when it is not taken. */
export async function load(rig: Rig, rules: RuleSet): Promise<void> {
  await clear(rig);
  const { cell } = rig;
  await rig.bridgeNetfilter(rules.brNetfilter);
  if (rules.ipset !== '') await cell.must(['ipset', 'restore'], { input: rules.ipset });
  if (rules.iptables !== null) {
    const program = `${rules.family === 4 ? 'iptables' : 'ip6tables'}-${rules.iptables.engine}-restore`;
    await taken(cell, [program], rules.iptables.text, rules.seed);
  }
  if (rules.nft !== '') await taken(cell, ['nft', '-f', '-'], rules.nft, rules.seed);
}

async function taken(cell: Rig['cell'], command: readonly string[], input: string, seed: number): Promise<void> {
  const { code, stderr } = await cell.run(command, { input });
  const numbered = () =>
    input
      .split('\n')
      .map((line, index) => `${index + 1}: ${line}`)
      .join('\n');
  if (code !== 0) throw new Error(`seed ${seed}: ${command.join(' ')}: ${stderr}\n${numbered()}`);
}

/** What the programs say stands now, as the readers of listings take it. */
export async function readBack({ cell }: Rig, { iptables, family }: RuleSet): Promise<Listing> {
  const texts = [await cell.must(['ipset', 'save'])];
  const programs = family === 4 ? 'iptables' : 'ip6tables';
  if (iptables !== null) texts.push(await cell.must([`${programs}-${iptables.engine}-save`]));
  texts.push(await cell.must(['nft', 'list', 'ruleset']));
  return readListing(texts.join('\n'), { engine: iptables?.engine === 'legacy' ? 'legacy' : 'nf_tables', family });
}

async function clear({ cell }: Rig): Promise<void> {
  const reset = empty.map((table) => `*${table}\nCOMMIT\n`).join('');
  await cell.must(['nft', 'flush', 'ruleset']);
  for (const program of ['iptables-legacy-restore', 'ip6tables-legacy-restore']) {
    const policies = `*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n`;
    await cell.must([program], { input: reset.replace('*filter\nCOMMIT\n', policies) });
  }
  await cell.must(['ipset', 'destroy']);
  await cell.must(['conntrack', '-F']);
}
