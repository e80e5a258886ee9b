import { join } from 'node:path';
import { expect, test } from 'vitest';
import { must } from '../../lab/exec.ts';
import { checkout } from '../../lab/host.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import { refillText } from '../../src/nftables/transaction.ts';
import { readCase } from '../golden/cases.ts';
import { engines, RealNft } from '../nftables/real-nft.ts';

async function shut(nft: RealNft, bridges: readonly string[]) {
  const program = [join(checkout, 'node_modules/.bin/node'), join(checkout, 'test/netlink/inside/shut.ts')];
  await must(['nsenter', `--net=${nft.net}`, ...program], { input: JSON.stringify(bridges) });
}

const tables = renderRuleset(readCase('06-ipv6').ruleset);

/** The rules of the chain where packets arrive, first to last. */
async function arrival(nft: RealNft): Promise<readonly string[]> {
  const { stdout } = await nft.run(['list', 'chain', 'inet', 'sluice', 'prerouting']);
  return stdout.split('\n').flatMap((line) => (line.startsWith('\t\t') ? [line.trim()] : []));
}

test.each(engines)(
  'on the nft beside engine %s bridges are shut before any other rule, also where nothing stands, until a filling',
  async (engine) => {
    await using nft = await RealNft.open(engine);
    const rules = ['iifname "br-two" drop', 'iifname "br-one" drop'];
    await shut(nft, ['br-one', 'br-two']);
    const hook = expect.stringMatching(/^type filter hook prerouting priority (-310|raw - 10); policy accept;$/);
    expect(await arrival(nft)).toEqual([hook, ...rules]);

    expect(await nft.run(['-f', '-'], refillText(tables))).toMatchObject({ code: 0 });
    const filled = await arrival(nft);
    expect(filled).not.toContain(rules[0]);
    expect(await nft.run(['insert', 'rule', 'inet', 'sluice', 'prerouting', 'accept'])).toMatchObject({ code: 0 });
    await shut(nft, ['br-one', 'br-two']);
    expect(await arrival(nft)).toEqual([filled[0], ...rules, 'accept', ...filled.slice(1)]);
    expect(await nft.run(['-f', '-'], refillText(tables))).toMatchObject({ code: 0 });
    expect(await arrival(nft)).toEqual(filled);
  },
);
