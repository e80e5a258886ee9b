/**
 * Whether text can be an interface's name in a rule: the kernel takes any 1 to 15 bytes without blanks, `/` and `:`
 * (net/core/dev.c, dev_valid_name); we take those of them that no rule language has to quote or takes for a beginning, as
 * iptables and ebtables do a `+`.
 */
export function isInterfaceName(text: string): boolean {
  return /^[A-Za-z0-9_.@-]{1,15}$/.test(text) && text !== '.' && text !== '..';
}

/** Whether text is an Ethernet address as the kernel and the engine write it. */
export function isMac(text: string): boolean {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(text);
}
