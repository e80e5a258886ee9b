import type { Family } from '../ip/address.ts';
import { type RunCommand, XtablesError } from './command.ts';

/** Which of iptables' two kernels: its own tables, or nf_tables. */
export const variants = ['nft', 'legacy'] as const;
export type Variant = (typeof variants)[number];

/** The commands of one variant on this host. */
export interface Tools {
  readonly variant: Variant;
  readonly restore: Readonly<Record<Family, string>>;
  readonly save: Readonly<Record<Family, string>>;
  readonly command: Readonly<Record<Family, string>>;
  readonly ebtables: { readonly restore: string; readonly save: string };
  /** Whether there is a table `security`. */
  readonly security: boolean;
}

/**
 * The commands that a variant needs.
 *
 * @throws XtablesError that says what is missing and how it is installed
 */
export async function toolsOf(variant: Variant, run: RunCommand): Promise<Tools> {
  const named = await namesOf(variant, run);
  if (named === null)
    throw new XtablesError(`iptables-${variant} is not installed on this host: apt-get install iptables`);
  for (const family of ['iptables', 'ip6tables'] as const)
    if ((await run(`${family}${named}-save`, ['--version'])) === null)
      throw new XtablesError(`${family}${named}-save is not installed on this host: apt-get install iptables`);
  const ipset = await run('ipset', ['list', '-n']);
  if (ipset === null) throw new XtablesError('ipset is not installed on this host: apt-get install ipset');
  if (ipset.code !== 0) throw new XtablesError(`ipset cannot be used: ${ipset.stderr.trim()}`);
  const of = (what: string) => ({ 4: `iptables${named}${what}`, 6: `ip6tables${named}${what}` }) as const;
  const security = await run(of('')[4], ['-t', 'security', '-S']);
  return {
    variant,
    restore: of('-restore'),
    save: of('-save'),
    command: of(''),
    ebtables: await ebtables(run),
    security: security?.code === 0,
  };
}

/** What stands between `iptables` and `-save`: nothing where the plain command is of the variant. */
async function namesOf(variant: Variant, run: RunCommand): Promise<string | null> {
  if ((await run(`iptables-${variant}-save`, ['--version'])) !== null) return `-${variant}`;
  const plain = await run('iptables', ['--version']);
  if (plain === null) return null;
  return plain.stdout.includes('nf_tables') === (variant === 'nft') ? '' : null;
}

/**
 * Without ebtables nobody proves whose a frame is, and neighbours could speak past every rule in frames that are not IP
 * or have a VLAN tag.
 */
async function ebtables(run: RunCommand): Promise<Tools['ebtables']> {
  const tried: string[] = [];
  for (const name of ['ebtables-nft', 'ebtables', 'ebtables-legacy']) {
    const answer = await run(`${name}-save`, []);
    if (answer?.code === 0) return { restore: `${name}-restore`, save: `${name}-save` };
    if (answer !== null) tried.push(`${name}-save: ${answer.stderr.trim()}`);
  }
  throw new XtablesError(
    tried.length === 0
      ? 'ebtables is not installed on this host, and without it containers on one network cannot be told apart: apt-get install ebtables'
      : `ebtables cannot be used on this host, and without it containers on one network cannot be told apart (${tried.join('; ')})`,
  );
}

/**
 * The variant that holds Docker's chains; where none does, as with Docker's own nftables backend, the one that
 * `iptables` is.
 */
export async function variantOfDocker(
  run: RunCommand,
  readFile: (path: string) => string | undefined,
): Promise<Variant> {
  // asking iptables-legacy for a table makes it
  const legacyTables = readFile('/proc/net/ip_tables_names') ?? '';
  if (/^(filter|nat)$/m.test(legacyTables) && (await hasDocker('iptables-legacy-save', run))) return 'legacy';
  if (await hasDocker('iptables-nft-save', run)) return 'nft';
  const plain = await run('iptables', ['--version']);
  if (plain === null) throw new XtablesError('iptables is not installed on this host: apt-get install iptables');
  return plain.stdout.includes('nf_tables') ? 'nft' : 'legacy';
}

async function hasDocker(save: string, run: RunCommand): Promise<boolean> {
  const answer = await run(save, []);
  return answer !== null && answer.code === 0 && /^:DOCKER(-USER|-FORWARD)? /m.test(answer.stdout);
}
