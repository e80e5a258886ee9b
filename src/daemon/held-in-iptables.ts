import { applyState } from '../iptables/backend.ts';
import { decodeLoadable, loadableParts, variantOfText } from '../iptables/loadable.ts';
import { Names } from '../iptables/names.ts';
import { narrowerInIptables } from '../iptables/narrower.ts';
import { provenPorts } from '../iptables/proven.ts';
import { namesIn, renderWhole } from '../iptables/render.ts';
import { isStanding } from '../iptables/standing.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';
import type { HeldIn } from './holder.ts';
import { XtablesHolder, type XtablesPorts } from './xtables-holder.ts';

/** The rules in the chains and sets of iptables, ipset and ebtables. */
export function heldInIptables(ports: XtablesPorts): HeldIn {
  const { xtables, facts } = ports;
  const { variant } = xtables.tools;
  // the programs of it are written once: with each new one all of them would keep newcomers waiting
  const names = new Names();
  const loadable = (ruleset: Ruleset) => {
    const { state } = renderWhole(ruleset, facts(), names);
    names.forgetBeside(namesIn(state));
    return loadableParts(state, variant);
  };
  return {
    backend: `iptables-${variant}`,
    holder: (proven, failed) => new XtablesHolder(ports, proven, failed),
    takeOver: (_ruleset, hold) => hold(),
    standing: () => isStanding(xtables),
    proven: () => provenPorts(xtables),
    loadable,
    load: async (text) => {
      if (variantOfText(text) !== variant) throw new TypeError('they are for another backend');
      await applyState(decodeLoadable(text), xtables);
    },
    narrower: (ruleset) => narrowerInIptables(ruleset, xtables.tools),
    lastLine: () => 'not-with-iptables',
    listing: 'iptables-save, ipset list and ebtables-save',
  };
}
