import type { OptionSpec } from '../spec.ts';

/** Of every command that needs no more than a world. */
export const worldOption: OptionSpec = {
  form: '--world <file>',
  text: 'use a world that `sluice world` printed; needs neither root nor an engine ("-": standard input)',
  completes: 'file',
};

/** What `--backend` takes. */
export const backendNames =
  'nftables, iptables (the variant that has the chains of Docker), iptables-nft or iptables-legacy';
