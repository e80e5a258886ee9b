import type { Line } from './entry.ts';

/**
 * How a chain turns published ports to containers: with the userland proxy what comes from the container's own network is
 * left to it; and since link-local addresses tell no way back, IPv6 leaves out who sends from one.
 */
export function publishedPorts(chain: string): readonly Line[] {
  const turn = 'turns {p} to port {port} of {host} to {to}: a published port';
  const rest = '[dst={a}] proto={p} dport={port} -> dnat {to}';
  const proxy = 'what {b} sends there is left to the userland proxy';
  const local = 'not what link-local senders send';
  return [
    [`${chain}: in!={b} ${rest}`, 'new-destination', `${turn}; ${proxy}`],
    [`${chain}: in!={b} src!=fe80::/10 ${rest}`, 'new-destination', `${turn}; ${proxy}; ${local}`],
    [`${chain}: ${rest}`, 'new-destination', `${turn} (no userland proxy)`],
    [`${chain}: src!=fe80::/10 ${rest}`, 'new-destination', `${turn} (no userland proxy); ${local}`],
  ];
}
