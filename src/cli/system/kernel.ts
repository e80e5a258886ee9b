import type { ForbiddenFlow } from '../../enforce/forbidden.ts';
import type { CutConversation, KernelPort } from '../ports.ts';

/** The kernel of the network namespace we run in. Its parts are loaded when they are used. */
export const systemKernel: KernelPort = {
  async apply(ruleset, now) {
    const { enforce } = await import('../../enforce/enforce.ts');
    const { hostKernel } = await import('../../enforce/host-kernel.ts');
    const { hasEnded } = await import('../../netlink/conntrack.ts');
    const { cut, switched } = await enforce(ruleset, hostKernel, now);
    return { cut: cut.filter(({ flow }) => !hasEnded(flow)).map(conversation), switched };
  },

  async rules(ruleset) {
    const { renderText } = await import('../../nftables/backend.ts');
    return renderText(ruleset);
  },

  async loadable(ruleset) {
    const { renderRuleset } = await import('../../nftables/render.ts');
    const { transactionText } = await import('../../nftables/transaction.ts');
    const { defaultMarks } = await import('../../nftables/marks.ts');
    return renderRuleset(ruleset, defaultMarks)
      .map((table) => {
        const path = `${table.family} ${table.name}`;
        return `table ${path} { }\ndelete table ${path}\n${transactionText(table, null)}`;
      })
      .join('\n');
  },

  async load(text) {
    const { mustNft, nftCommand } = await import('../../nftables/nft.ts');
    await mustNft(nftCommand, ['-f', '-'], text);
  },

  async holds(ruleset) {
    const { holdsRuleset } = await import('./read-back.ts');
    return holdsRuleset(ruleset);
  },

  async standsAs(text) {
    const { standsAs } = await import('./read-back.ts');
    return standsAs(text);
  },

  async forbidden(ruleset, now) {
    const { concernsContainer, forbiddenFlows } = await import('../../enforce/forbidden.ts');
    const { dumpFlows } = await import('../../host/conntrack.ts');
    const { hasEnded } = await import('../../netlink/conntrack.ts');
    const { NetlinkError } = await import('../../netlink/error.ts');
    const concerned = concernsContainer(ruleset);
    try {
      const live = dumpFlows((flow) => !hasEnded(flow) && concerned(flow));
      return forbiddenFlows(ruleset, live, now).map((one) => ({
        ...conversation(one),
        id: String(one.flow.id),
        since: one.flow.began ?? null,
      }));
    } catch (error) {
      if (error instanceof NetlinkError) return null;
      throw error;
    }
  },

  async release(switched) {
    const { release } = await import('../../enforce/enforce.ts');
    const { hostKernel } = await import('../../enforce/host-kernel.ts');
    return release(switched, hostKernel);
  },

  async standing() {
    const { readStanding } = await import('../../nftables/standing.ts');
    const { nftCommand, NftError } = await import('../../nftables/nft.ts');
    try {
      return (await readStanding(nftCommand, 'inet', 'sluice')) !== null;
    } catch (error) {
      if (error instanceof NftError) return null;
      throw error;
    }
  },

  async nftVersion() {
    const { mustNft, nftCommand } = await import('../../nftables/nft.ts');
    return (await mustNft(nftCommand, ['--version'])).trim();
  },

  async prober() {
    const { openProber } = await import('./prober.ts');
    return openProber();
  },
};

function conversation({ flow, from }: ForbiddenFlow): CutConversation {
  const { destination, protocol, detail } = flow.original;
  const port = detail.kind === 'ports' ? detail.destination : 0;
  return { workload: from.workload, container: from.container.name, to: destination, protocol, port };
}
