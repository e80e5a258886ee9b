/**
 * The policy of last resort, where neither the files nor the memory give one: nothing leaves any Docker bridge, until
 * they do.
 */
export const denyAllText = `version: 1
defaults: { unmanaged: deny, unknown-bridge: deny, labels: ignore, build: deny }
guardrails: { deny: [any] }
`;
