import { chainNames, hooks, planes } from './chains.ts';
import type { RenderedFile } from './rendering.ts';
import { isSluices } from './sluices-own.ts';

/** Names that the chains of an earlier start have while new ones are made. */
export const oldNames: typeof chainNames = { forward: 'DOCKER-OUTBOUND-OLD', host: 'DOCKER-OUTBOUND-OLD-HOST' };

/**
 * Shell lines that take our chains out of both tables of both families; no error where there are none, and what Sluice
 * itself has there stays.
 */
export const removeLines: readonly string[] = [
  'for command in iptables ip6tables; do',
  '  command -v "$command" >/dev/null 2>&1 || continue',
  `  if ${isSluices('"$command"')}; then`,
  `    echo "$command: the chains are Sluice's own and stay; 'sluice down' takes them away" >&2`,
  '    continue',
  '  fi',
  '  for table in filter security; do',
  ...planes.flatMap((plane) =>
    [chainNames[plane], oldNames[plane]].flatMap((chain) => [
      `    while "$command" -w -t "$table" -D ${hooks[plane]} -j ${chain} 2>/dev/null; do :; done`,
      `    "$command" -w -t "$table" -F ${chain} 2>/dev/null && "$command" -w -t "$table" -X ${chain}`,
    ]),
  ),
  '  done',
  'done',
];

/** The same as remarks, for the end of a file. */
export function removeRemarks(): readonly string[] {
  return ['# To take it away, as root in a shell:', ...removeLines.map((line) => `#   ${line}`)];
}

/** A script that takes the rules of the iptables forms away, whether or not they are there. */
export const removeScript: RenderedFile = {
  name: 'docker-outbound-remove.sh',
  text: [
    '#!/bin/sh',
    '# Takes away what the rules of "sluice render" put into the kernel: chains DOCKER-OUTBOUND-* of filter and security.',
    '# Where Sluice itself holds the host by iptables, they are its own, and stay.',
    '# Containers may then send what Docker lets them. Of the systemd drop-in, delete docker.service.d/override.conf first:',
    '# the next start of docker would make them again.',
    ...removeLines,
    'exit 0',
    '',
  ].join('\n'),
};
