import { applyState, removeState, type XtablesOptions } from '../iptables/backend.ts';
import { hostCommand, type RunCommand } from '../iptables/command.ts';
import { differences } from '../iptables/compare.ts';
import type { HostFacts } from '../iptables/inet.ts';
import { decodeLoadable, encodeLoadable } from '../iptables/loadable.ts';
import type { XState } from '../iptables/model.ts';
import { Names } from '../iptables/names.ts';
import { narrowerInIptables } from '../iptables/narrower.ts';
import { standingNumbers } from '../iptables/numbers.ts';
import { provenPorts } from '../iptables/proven.ts';
import { renderXtables } from '../iptables/render.ts';
import { readStanding } from '../iptables/standing.ts';
import { stateText } from '../iptables/text.ts';
import { toolsOf, type Variant } from '../iptables/tools.ts';
import { listLinks } from '../netlink/route.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import type { Backend } from './backend.ts';

/** What Docker calls its veths (libnetwork, drivers/bridge: `veth` and 7 hex digits): one that is no port yet will be. */
const portToBe = /^veth[0-9a-f]{7}$/;

/** Interfaces that came since are not in the sets, and nobody has changed anything by that. */
const noneOfThem: readonly string[] = [];

/** iptables, ip6tables, ipset and ebtables of the host, in one variant. @throws XtablesError when one is missing */
export async function iptablesBackend(variant: Variant, run: RunCommand = hostCommand): Promise<Backend> {
  const options: XtablesOptions = { run, tools: await toolsOf(variant, run) };
  const facts = () => hostFacts(options);
  const stands = async (state: XState) => differences(state, await readStanding(options)).length === 0;
  return {
    name: `iptables-${variant}`,
    apply: async (ruleset) => void (await applyState(renderXtables(ruleset, facts()), options)),
    provenPorts: () => provenPorts(options),
    remove: (beside) => removeState(options, beside?.name.startsWith('iptables-') === true),
    holds: async (ruleset) => {
      const standing = await readStanding(options);
      const known = { ...facts(), plainInterfaces: noneOfThem };
      const state = renderXtables(ruleset, known, standingNumbers(standing.inet, new Names()));
      return differences(state, standing).length === 0;
    },
    loadable: async (ruleset) => encodeLoadable(renderXtables(ruleset, facts()), variant),
    load: async (text) => void (await applyState(decodeLoadable(text), options)),
    standsAs: (text) => stands(decodeLoadable(text)),
    narrower: (ruleset) => narrowerInIptables(ruleset, options.tools),
    text: async (ruleset) => stateText(renderXtables(ruleset, facts()), (name) => name),
  };
}

/** What there is on this host now. @throws NetlinkError */
export function hostFacts({ tools }: Pick<XtablesOptions, 'tools'>): HostFacts {
  using netlink = NetlinkSocket.open('route');
  const links = listLinks(netlink);
  return {
    // a port's frames are its bridge's; a bridge is enrolled, known, or new
    plainInterfaces: links
      .filter(({ kind, master, name }) => kind !== 'bridge' && master === null && !portToBe.test(name))
      .map(({ name }) => name),
    interfaces: new Map(links.map(({ index, name }) => [index, name])),
    security: tools.security,
  };
}
