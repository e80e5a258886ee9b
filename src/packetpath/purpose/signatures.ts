import type { Maker } from './types.ts';

/** Comments that their makers put on rules of theirs in chains that are everybody's. A comment is a hint, as a name is. */
const signatures: readonly (readonly [RegExp, Maker])[] = [
  [/^wg-quick\(8\) rule for /, 'wg-quick'],
  [/^generated for LXD /, 'lxd'],
  [/^generated for Incus /, 'incus'],
  [/^netavark (firewall|portfw) /, 'podman'],
  [/^CNI (firewall plugin|portfwd) /, 'cni'],
  [/^cali:[\w-]{16}(;|$)/, 'cni'],
  [/^!fw3(:|$)/, 'openwrt'],
];

/** Whose comment it is; null: nobody's that is known. */
export function signedBy(comment: string | null): Maker | null {
  return comment === null ? null : (signatures.find(([form]) => form.test(comment))?.[1] ?? null);
}
