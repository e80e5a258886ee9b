import { readSmallFile } from '../host/files.ts';
import { hostCommand, type RunCommand } from '../iptables/command.ts';
import { variantOfText } from '../iptables/loadable.ts';
import { generationOf, mainChain } from '../iptables/names.ts';
import { parseSave } from '../iptables/save.ts';
import { type Variant, variantOfDocker, variants } from '../iptables/tools.ts';
import { NftError, NftMissingError, nftCommand, type RunNft } from '../nftables/nft.ts';
import { readStanding } from '../nftables/standing.ts';
import type { Backend, BackendChoice, BackendName } from './backend.ts';
import { iptablesBackend } from './iptables-backend.ts';
import { nftablesBackend } from './nftables-backend.ts';

/** The host as the choice looks at it. */
interface Host {
  readonly nft: RunNft;
  readonly run: RunCommand;
  readonly readFile: (path: string) => string | undefined;
}

const thisHost: Host = { nft: nftCommand, run: hostCommand, readFile: readSmallFile };

/**
 * In what rules of ours stand; several while one takes over from another, or when a change was cut short. null where it
 * cannot be told, as without root.
 */
export async function standingBackends(host: Host = thisHost): Promise<readonly BackendName[] | null> {
  const [nft, xtables] = await Promise.all([nftStands(host), standingVariants(host)]);
  if (nft !== true && (nft === null || xtables === null) && (xtables ?? []).length === 0) return null;
  return [
    ...(nft === true ? (['nftables'] as const) : []),
    ...(xtables ?? []).map((variant) => `iptables-${variant}` as const),
  ];
}

async function nftStands({ nft }: Host): Promise<boolean | null> {
  try {
    return (await readStanding(nft, 'inet', 'sluice')) !== null;
  } catch (error) {
    if (error instanceof NftMissingError) return false;
    if (error instanceof NftError) return null;
    throw error;
  }
}

/**
 * Sets of ours stand with the rules of either; asking for them first costs one command where there are none. null where
 * that cannot be told.
 */
async function standingVariants({ run, readFile }: Host): Promise<readonly Variant[] | null> {
  const sets = await run('ipset', ['list', '-n']);
  if (sets === null) return [];
  if (sets.code !== 0) return null;
  if (!sets.stdout.split('\n').some((name) => generationOf(name) !== null)) return [];
  const found: Variant[] = [];
  for (const variant of variants) {
    // asking iptables-legacy for a table makes it
    if (variant === 'legacy' && !/^mangle$/m.test(readFile('/proc/net/ip_tables_names') ?? '')) continue;
    const saved =
      (await run(`iptables-${variant}-save`, ['-t', 'mangle'])) ?? (await run('iptables-save', ['-t', 'mangle']));
    if (saved !== null && parseSave(saved.stdout).get('mangle')?.chains.has(mainChain) === true) found.push(variant);
  }
  // somebody has flushed the rules and left the sets
  return found.length > 0 ? found : [await variantOfDocker(run, readFile)];
}

/** A backend by its name. */
export async function backendOf(name: BackendName, host: Host = thisHost): Promise<Backend> {
  return name === 'nftables'
    ? nftablesBackend()
    : iptablesBackend(name === 'iptables-nft' ? 'nft' : 'legacy', host.run);
}

/** Every backend that could have rules of ours, for taking them away. */
export async function everyBackend(host: Host = thisHost): Promise<readonly Backend[]> {
  const isThere = await hasNft(host);
  const standing = (await standingVariants(host)) ?? [];
  return [
    ...(isThere ? [nftablesBackend()] : []),
    ...(await Promise.all(standing.map((variant) => iptablesBackend(variant, host.run)))),
  ];
}

/** The backend that a kept text is for. */
export async function backendOfText(text: string, host: Host = thisHost): Promise<Choice> {
  const variant = variantOfText(text);
  return chooseBackend(variant === null ? 'nftables' : `iptables-${variant}`, host);
}

export interface Choice {
  readonly backend: Backend;
  /** Others in which rules of ours stand: they go when the chosen one's stand. */
  readonly replaced: readonly Backend[];
  /**
   * Both variants of iptables use the same packet marks, and side by side each takes the other's away: nothing would pass
   * until one of them is gone. So nftables holds in between, where there is nft.
   */
  readonly between?: Backend;
}

/**
 * The backend to use: the one that is asked for, else the one whose rules stand, else nftables, else, on a host without
 * nft, iptables in the variant that holds Docker's chains.
 *
 * @throws XtablesError or NftError when what is asked for is not on this host
 */
export async function chooseBackend(asked: BackendChoice | null, host: Host = thisHost): Promise<Choice> {
  const standing = (await standingBackends(host)) ?? [];
  const name = asked === null ? (standing[0] ?? (await usual(host))) : await named(asked, host);
  const replaced = await Promise.all(standing.filter((one) => one !== name).map((one) => backendOf(one, host)));
  const choice = { backend: await backendOf(name, host), replaced };
  const isBetweenVariants = name !== 'nftables' && replaced.some((other) => other.name !== 'nftables');
  return isBetweenVariants && (await hasNft(host)) ? { ...choice, between: nftablesBackend() } : choice;
}

async function named(asked: BackendChoice, host: Host): Promise<BackendName> {
  return asked === 'iptables' ? `iptables-${await variantOfDocker(host.run, host.readFile)}` : asked;
}

async function usual(host: Host): Promise<BackendName> {
  return (await hasNft(host)) ? 'nftables' : named('iptables', host);
}

async function hasNft({ nft }: Host): Promise<boolean> {
  try {
    await nft(['--version']);
    return true;
  } catch (error) {
    if (error instanceof NftMissingError) return false;
    throw error;
  }
}
