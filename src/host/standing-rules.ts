import { execFile } from 'node:child_process';
import { type NftAnswer, NftError, type RunNft } from '../nftables/nft.ts';
import type { Table } from '../packetpath/model.ts';

/** The rules of the host could not be listed. */
export class RulesError extends Error {
  override readonly name = 'RulesError';
}

/** Runs a program that prints to its end; undefined where there is none of that name. The real one is {@link runLister}. */
export type RunLister = (
  program: string,
) => Promise<{ code: number | string; stdout: string; stderr: string } | undefined>;

export const runLister: RunLister = (program) =>
  new Promise((resolve) => {
    const options = {
      timeout: 60_000,
      killSignal: 'SIGKILL',
      maxBuffer: 256 << 20,
      env: { ...process.env, LC_ALL: 'C' },
    } as const;
    execFile(program, options, (error, stdout, stderr) => {
      if (error !== null && error.code === 'ENOENT') resolve(undefined);
      else resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? 'ended'), stdout, stderr });
    });
  });

/**
 * What iptables-save prints of both of the kernel's engines and both families, one after the other; each says of itself
 * which it is. On hosts without programs of their own for the two engines, what iptables-save prints.
 *
 * @throws RulesError when one of them fails
 */
export async function savedRules(run: RunLister): Promise<string> {
  const texts: string[] = [];
  for (const family of ['iptables', 'ip6tables']) {
    const own = [await lines(run, `${family}-nft-save`), await lines(run, `${family}-legacy-save`)];
    const found = own.filter((text) => text !== undefined);
    texts.push(...(found.length > 0 ? found : [(await lines(run, `${family}-save`)) ?? '']));
  }
  return texts.join('\n');
}

async function lines(run: RunLister, program: string): Promise<string | undefined> {
  const answer = await run(program);
  if (answer === undefined || answer.code === 0) return answer?.stdout;
  const words = answer.stderr
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 200);
  throw new RulesError(`${program} failed (${answer.code})${words === '' ? '' : `: ${words}`}`);
}

const families = ['ip', 'ip6', 'inet', 'bridge', 'arp', 'netdev'] as const;

/**
 * The tables of nf_tables by their names alone, so that an nft older than who wrote them does not fail over their rules.
 *
 * @throws NftError
 */
export async function nftTables(run: RunNft): Promise<readonly Table[]> {
  const answer = await run(['-j', 'list', 'tables']);
  return itemsOf(answer).flatMap(({ table }) => {
    const family = families.find((one) => one === table?.family);
    return family === undefined || typeof table?.name !== 'string'
      ? []
      : [{ engine: 'nf_tables' as const, family, name: table.name, chains: [], sets: [], partial: true }];
  });
}

interface Item {
  readonly table?: { readonly family?: unknown; readonly name?: unknown };
}

function itemsOf({ code, signal, stdout, stderr }: NftAnswer): readonly Item[] {
  if (code !== 0) throw new NftError(`nft could not list tables: ${signal ?? stderr.trim().split('\n')[0]}`);
  const { nftables } = JSON.parse(stdout) as { readonly nftables?: readonly Item[] };
  return nftables ?? [];
}
