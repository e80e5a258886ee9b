import { renderDropin } from './dropin.ts';
import { renderRestore, renderScript } from './iptables-files.ts';
import { nftReverse, renderNft } from './nft-file.ts';
import type { StaticPlan } from './plan.ts';
import type { Form, RenderedFile, Rendering } from './rendering.ts';
import { removeScript } from './reverse.ts';

const renderers: Readonly<Record<Form, (plan: StaticPlan) => Rendering>> = {
  'systemd-dropin': renderDropin,
  'iptables-script': renderScript,
  'iptables-restore': renderRestore,
  nft: renderNft,
};

/** A plan as files that work without Sluice. Deterministic. */
export function renderPlan(plan: StaticPlan, form: Form): Rendering {
  return renderers[form](plan);
}

/** What takes the rules of a form away again, whatever the policy was. */
export function reverseOf(form: Form): RenderedFile {
  return form === 'nft' ? nftReverse : removeScript;
}
