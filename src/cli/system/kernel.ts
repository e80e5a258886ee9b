import type { ForbiddenFlow } from '../../enforce/forbidden.ts';
import type { CutConversation, KernelPort } from '../ports.ts';

/** The kernel of the network namespace we run in. Its parts are loaded when they are used. */
export const systemKernel: KernelPort = {
  async apply(ruleset, now, asked) {
    const { enforce } = await import('../../enforce/enforce.ts');
    const { hostKernel } = await import('../../enforce/host-kernel.ts');
    const { chooseBackend } = await import('../../enforce/choose-backend.ts');
    const { hasEnded } = await import('../../netlink/conntrack.ts');
    const choice = await chooseBackend(asked);
    const { cut, switched } = await enforce(ruleset, { ...hostKernel, ...choice }, now);
    return {
      cut: cut.filter(({ flow }) => !hasEnded(flow)).map(conversation),
      switched,
      backend: choice.backend.name,
    };
  },

  async rules(ruleset, asked) {
    const { chooseBackend } = await import('../../enforce/choose-backend.ts');
    return (await chooseBackend(asked)).backend.text(ruleset);
  },

  async loadable(ruleset, asked) {
    const { chooseBackend } = await import('../../enforce/choose-backend.ts');
    return (await chooseBackend(asked)).backend.loadable(ruleset);
  },

  async narrower(ruleset, asked) {
    if (asked === 'nftables') return [];
    const { chooseBackend } = await import('../../enforce/choose-backend.ts');
    const { NftError } = await import('../../nftables/nft.ts');
    const { XtablesError } = await import('../../iptables/command.ts');
    try {
      return (await chooseBackend(asked)).backend.narrower(ruleset);
    } catch (error) {
      if (error instanceof NftError || error instanceof XtablesError) return [];
      throw error;
    }
  },

  async load(text) {
    const { backendOfText } = await import('../../enforce/choose-backend.ts');
    const { backend, replaced } = await backendOfText(text);
    await backend.load(text);
    for (const other of replaced) await other.remove();
  },

  async holds(ruleset) {
    const { chooseBackend } = await import('../../enforce/choose-backend.ts');
    return (await chooseBackend(null)).backend.holds(ruleset);
  },

  async standsAs(text) {
    const { backendOfText } = await import('../../enforce/choose-backend.ts');
    return (await backendOfText(text)).backend.standsAs(text);
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
    const { everyBackend } = await import('../../enforce/choose-backend.ts');
    const removed = await release(switched, { bridges: hostKernel.bridges, backends: await everyBackend() });
    return removed.map(({ name }) => name);
  },

  async standing() {
    const { standingBackends } = await import('../../enforce/choose-backend.ts');
    const standing = await standingBackends();
    return standing === null ? null : standing.length > 0;
  },

  async backends() {
    const { standingBackends } = await import('../../enforce/choose-backend.ts');
    return (await standingBackends()) ?? [];
  },

  async nftVersion() {
    const { mustNft, nftCommand } = await import('../../nftables/nft.ts');
    return (await mustNft(nftCommand, ['--version'])).trim();
  },

  async prober() {
    const { openProber } = await import('./prober.ts');
    const { standingBackends } = await import('../../enforce/choose-backend.ts');
    return openProber((await standingBackends())?.[0] ?? null);
  },
};

function conversation({ flow, from }: ForbiddenFlow): CutConversation {
  const { destination, protocol, detail } = flow.original;
  const port = detail.kind === 'ports' ? detail.destination : 0;
  return { workload: from.workload, container: from.container.name, to: destination, protocol, port };
}
