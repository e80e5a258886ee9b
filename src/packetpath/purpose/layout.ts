import type { Chain, Listing, Table } from '../model.ts';
import { shapeOf } from './terms.ts';
import type { FoundLayout, Layout } from './types.ts';

const versions: Readonly<Record<Layout, string>> = {
  pairs: '17.06 to 18.03',
  stages: '18.09 to 27',
  'ext-bridges': '28.0.0',
  forward: '28.0.1 to 28.5',
  internal: '29 and later, with iptables',
  nftables: '29 and later, with nftables',
};

export const iptablesLayouts: readonly Layout[] = ['pairs', 'stages', 'ext-bridges', 'forward', 'internal'];

/**
 * Which engines make the rules that stand, told by how they hang together (facts: libnetwork 1c73b1c9 for the stages, moby
 * #49518 for DOCKER-FORWARD, 1ad9599da7 for DOCKER-INTERNAL): what FORWARD and DOCKER-FORWARD lead to. Chains that
 * nothing leads to any more tell nothing: another generation may have left them.
 */
export function layoutsOf(listing: Listing): readonly FoundLayout[] {
  return listing.tables.flatMap((table): readonly FoundLayout[] => {
    if (table.family !== 'ip' && table.family !== 'ip6') return [];
    const found =
      table.name === 'docker-bridges' ? nftables(table) : table.name === 'filter' ? iptables(table, listing) : null;
    return found === null ? [] : [{ family: table.family, engine: table.engine, ...found }];
  });
}

type Told = Pick<FoundLayout, 'layouts' | 'versions' | 'evidence'>;

function nftables({ family, chains }: Table): Told | null {
  if (chains.length === 0) return null;
  return told(['nftables'], `table ${family} docker-bridges stands`);
}

function iptables(table: Table, listing: Listing): Told | null {
  const forward = leadsTo(table, 'FORWARD');
  const own = leadsTo(table, 'DOCKER-FORWARD');
  if (own.has('DOCKER-INTERNAL')) return told(['internal'], 'DOCKER-FORWARD leads to DOCKER-INTERNAL');
  if (own.has('DOCKER-ISOLATION-STAGE-1')) return direct(table, listing);
  if (forward.has('DOCKER-FORWARD') || own.size > 0)
    return told(['forward', 'internal'], 'FORWARD leads to DOCKER-FORWARD, and what would tell more is missing');
  if (usesExtBridges(table)) return told(['ext-bridges'], 'FORWARD looks networks up in the ipset docker-ext-bridges');
  if (forward.has('DOCKER-ISOLATION-STAGE-1')) return told(['stages'], 'FORWARD leads to DOCKER-ISOLATION-STAGE-1');
  if (forward.has('DOCKER-ISOLATION')) return told(['pairs'], 'FORWARD leads to DOCKER-ISOLATION');
  const standing = table.chains.filter(({ name }) => isDockerChain(name)).map(({ name }) => name);
  return standing.length === 0
    ? null
    : told(iptablesLayouts, `${standing.join(', ')} stand, and FORWARD leads to none that tells`);
}

/** 28.0 and 28.1 close published ports one by one in raw, 28.2 and later each container's address. */
function direct(table: Table, listing: Listing): Told {
  const evidence = 'DOCKER-FORWARD leads to DOCKER-ISOLATION-STAGE-1';
  const drops = listing.tables
    .filter(({ family, name, engine }) => family === table.family && name === 'raw' && engine === table.engine)
    .flatMap(({ chains }) => chains.filter(({ name }) => name === 'PREROUTING'))
    .flatMap(({ rules }) => rules.map((rule) => shapeOf(rule, table.family)))
    .filter(({ effect, terms }) => effect?.kind === 'drop' && terms.some(({ key, not }) => key === 'in' && not));
  const perAddress = drops.some(({ terms }) => terms.length === 2 && terms.some(({ key }) => key === 'dst'));
  const perPort = drops.some(
    ({ terms }) => terms.length === 4 && terms.some(({ key, operand }) => key === 'in' && !isLoopback(operand)),
  );
  if (perAddress === perPort) return told(['forward'], evidence);
  return {
    layouts: ['forward'],
    versions: perAddress ? '28.2 to 28.5' : '28.0.1 to 28.1',
    evidence: `${evidence}, and raw stops direct access by ${perAddress ? 'address' : 'port'}`,
  };
}

function isLoopback(operand: { readonly kind: string; readonly words?: readonly string[] }): boolean {
  return operand.kind === 'words' && operand.words?.join() === 'lo';
}

function told(layouts: readonly Layout[], evidence: string): Told {
  return { layouts, versions: layouts.map((layout) => versions[layout]).join(', or '), evidence };
}

function leadsTo({ chains, family }: Table, name: string): ReadonlySet<string> {
  const chain = chains.find((one) => one.name === name);
  return new Set(
    (chain?.rules ?? []).flatMap((rule) => {
      const { terms, effect } = shapeOf(rule, family);
      return terms.length === 0 && effect?.kind === 'jump' ? [effect.chain] : [];
    }),
  );
}

function usesExtBridges({ chains, family }: Table): boolean {
  const sets = (chain: Chain) =>
    chain.rules.flatMap((rule) =>
      shapeOf(rule, family).terms.flatMap(({ key, operand }) =>
        key === 'dst' && operand.kind === 'set' ? [operand.set] : [],
      ),
    );
  return chains.some(
    (chain) => chain.name === 'FORWARD' && sets(chain).some((set) => /^docker-ext-bridges-v[46]$/.test(set)),
  );
}

/** Chains that Docker makes and fills alone. DOCKER-USER is not one: its rules are the operator's. */
export function isDockerChain(name: string): boolean {
  return /^DOCKER(-(FORWARD|CT|BRIDGE|INTERNAL|ISOLATION|ISOLATION-STAGE-[12]|INGRESS))?$/.test(name);
}
