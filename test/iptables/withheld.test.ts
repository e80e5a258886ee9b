import { expect, test } from 'vitest';
import type { Address } from '../../src/ip/address.ts';
import { parseAddress } from '../../src/ip/address.ts';
import { applyState } from '../../src/iptables/backend.ts';
import type { RunCommand } from '../../src/iptables/command.ts';
import { layer2, type Place } from '../../src/iptables/layer2.ts';
import type { EbTable, XState } from '../../src/iptables/model.ts';
import { Names } from '../../src/iptables/names.ts';
import { printEbTable } from '../../src/iptables/print-bridge.ts';
import type { Tools } from '../../src/iptables/tools.ts';

/** Everything made anew, where a newcomer has the address of somebody who is gone. */

const place = (port: string, address: string): Place => ({
  port,
  mac: `02:42:ac:14:00:0${port.at(-1)}`,
  addresses: [parseAddress(address) as Address],
  strict: true,
});
const gone = place('veth0000001', '172.20.0.2');
const heir = place('veth0000002', '172.20.0.2');
const other = place('veth0000003', '172.20.0.3');
const bridgeOf = (...places: readonly Place[]): readonly EbTable[] => layer2([], new Names())(places, []);
const both = { 4: 'iptables', 6: 'ip6tables' } as const;
const tools: Tools = {
  variant: 'nft',
  restore: { 4: 'iptables-restore', 6: 'ip6tables-restore' },
  save: { 4: 'iptables-save', 6: 'ip6tables-save' },
  command: both,
  ebtables: { restore: 'ebtables-restore', save: 'ebtables-save' },
  security: true,
};

/** What is said to ebtables and inet, in order, of a host where these stand. */
async function said(standing: {
  readonly raw: string;
  readonly bridge: readonly EbTable[];
}): Promise<readonly string[]> {
  const inputs: string[] = [];
  const run: RunCommand = async (program, _args, input = '') => {
    if (program.endsWith('tables-restore')) inputs.push(`${program}\n${input}`);
    const stdout =
      program === 'ebtables-save'
        ? standing.bridge.map((table) => `${printEbTable(table).replaceAll('-I ', '-A ')}\n`).join('')
        : program.endsWith('tables-save')
          ? standing.raw
          : '';
    return { code: 0, signal: null, stdout, stderr: '' };
  };
  const raw = { name: 'raw', jumps: [], chains: [] } as const;
  const state: XState = { sets: [], tables: { 4: [raw], 6: [raw] }, bridge: bridgeOf(heir, other) };
  await applyState(state, { run, tools });
  return inputs;
}

/** Whether the text proves a place's frames, in the chain that its port leads to. */
function proves(text: string | undefined, { port }: Place): boolean {
  const chain = new Names().chain(`from-${port}`);
  return text?.split('\n').some((line) => line.startsWith(`-A ${chain} `) && line.endsWith('-proven')) === true;
}

test('a newcomer is proven when inet judges by the new rules, and who stays all the time', async () => {
  const raw = [':PREROUTING ACCEPT', ':DOCKER-OUTBOUND-FILTER -', '-A PREROUTING -j DOCKER-OUTBOUND-FILTER'];
  const inputs = await said({ raw: `*raw\n${raw.join('\n')}\nCOMMIT\n`, bridge: bridgeOf(gone, other) });
  expect(inputs.map((text) => text.split('\n', 1)[0])).toEqual([
    'ebtables-restore',
    'iptables-restore',
    'ip6tables-restore',
    'ebtables-restore',
  ]);
  const [early, late] = [inputs[0], inputs.at(-1)];
  expect([gone, heir, other].map((one) => proves(early, one))).toEqual([false, false, true]);
  expect([heir, other].map((one) => proves(late, one))).toEqual([true, false]);
  expect(late).toContain(`-F ${new Names().chain(`from-${heir.port}`)}\n`);
});

test('where nothing demands a proof yet, everybody is proven first', async () => {
  const inputs = await said({ raw: '', bridge: [] });
  expect([heir, other].map((one) => proves(inputs[0], one))).toEqual([true, true]);
  expect([heir, other].map((one) => proves(inputs.at(-1), one))).toEqual([false, false]);
});
