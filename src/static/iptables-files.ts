import type { Family } from '../ip/address.ts';
import { chainNames, chainOf, hooks, planes } from './chains.ts';
import type { StaticPlan } from './plan.ts';
import { aboutPlan, familiesIn, iptablesOf, type RenderedFile, type Rendering } from './rendering.ts';
import { removeLines, removeRemarks } from './reverse.ts';
import { areSluices, isSluices } from './sluices-own.ts';
import { commandRemark, remark, restoreWord } from './text.ts';

/** The chains of one table as iptables-restore takes them; to declare one is to empty it. */
function chains(plan: StaticPlan, family: Family, table: 'filter' | 'security', isFirst: boolean): readonly string[] {
  return [
    ...planes.map((plane) => `:${chainNames[plane]} - [0:0]`),
    ...planes.flatMap((plane) =>
      chainOf(plan, plane, family, table, isFirst).map((one) =>
        one.kind === 'remark' ? one.text : ['-A', chainNames[plane], ...one.words].map(restoreWord).join(' '),
      ),
    ),
  ];
}

/** Files for `iptables-restore` and `ip6tables-restore`: the table security, whole, so that loading one twice changes nothing. */
export function renderRestore(plan: StaticPlan): Rendering {
  const [first, ...rest] = familiesIn(plan).map((family) => restoreFile(plan, family));
  return {
    files: [first as RenderedFile, ...rest],
    needsAll: true,
  };
}

function restoreFile(plan: StaticPlan, family: Family): RenderedFile {
  const command = `${iptablesOf(family)}-restore`;
  const name = family === 4 ? 'docker-outbound.v4' : 'docker-outbound.v6';
  const text = [
    ...aboutPlan(plan),
    '#',
    ...remark('To put it in force, at every boot before docker.service:'),
    commandRemark(`${command} < ${name}`),
    ...remark('To take it away, run the lines at its end.'),
    '#',
    ...remark(
      'The table is security, which the kernel asks after FORWARD of filter: there no rule of Docker can stand above these, and an ACCEPT elsewhere decides nothing. Nothing can be refused from here, so what is denied is dropped, whatever the policy says of "denied". The file is the whole of that table: loading it replaces it at once, and twice is as once; rules that somebody else has there (SECMARK of SELinux, seldom) would be lost, for which "--as iptables-script" is. Without --noflush: with it each loading adds another jump.',
    ),
    '',
    '*security',
    ...['INPUT', 'FORWARD', 'OUTPUT'].map((chain) => `:${chain} ACCEPT [0:0]`),
    ...chains(plan, family, 'security', true),
    '',
    ...planes.map((plane) => `-A ${hooks[plane]} -j ${chainNames[plane]}`),
    'COMMIT',
    '',
    ...removeRemarks(),
    '',
  ].join('\n');
  return { name, text };
}

/** A shell script: both tables, other people's rules untouched. */
export function renderScript(plan: StaticPlan): Rendering {
  const text = [
    '#!/bin/sh',
    ...aboutPlan(plan),
    '#',
    ...remark('To put it in force, at every boot before docker.service and again after it:'),
    commandRemark('sh docker-outbound.sh'),
    ...remark('To take it away:'),
    commandRemark('sh docker-outbound.sh remove'),
    '#',
    ...remark(
      'In FORWARD of filter the chain can refuse, as the policy says, but Docker may put rules above it: engines up to 27 when a network is made anew, 28 and later at a restart. So it stands in the table security too, which the kernel asks afterwards and where an ACCEPT elsewhere decides nothing; what FORWARD did not deny is dropped there. Each table changes at once, and twice is as once.',
    ),
    'set -eu',
    '',
    'remove() {',
    ...removeLines.map((line) => `  ${line}`),
    '}',
    '',
    '# a jump at the top, once',
    'top() {',
    '  while "$1" -w -t "$2" -D "$3" -j "$4" 2>/dev/null; do :; done',
    '  "$1" -w -t "$2" -I "$3" 1 -j "$4"',
    '}',
    '',
    '# a jump that stays where it is; order decides nothing there',
    'once() {',
    '  "$1" -w -t "$2" -C "$3" -j "$4" 2>/dev/null || "$1" -w -t "$2" -I "$3" 1 -j "$4"',
    '}',
    '',
    'case ${1:-apply} in',
    '  apply) ;;',
    '  remove) remove; exit 0 ;;',
    '  *) echo "usage: $0 [apply|remove]" >&2; exit 2 ;;',
    'esac',
    '',
    'for command in iptables ip6tables; do',
    `  if ${isSluices('"$command"')}; then`,
    `    echo "$command: ${areSluices}" >&2`,
    '    exit 1',
    '  fi',
    'done',
    ...familiesIn(plan).flatMap((family) => {
      const command = iptablesOf(family);
      return [
        '',
        `${command}-restore -w --noflush <<'RULES'`,
        ...(['filter', 'security'] as const).flatMap((table) => [
          `*${table}`,
          ...chains(plan, family, table, table === 'filter'),
          'COMMIT',
        ]),
        'RULES',
        ...planes.map((plane) => `once ${command} security ${hooks[plane]} ${chainNames[plane]}`),
        ...planes.map((plane) => `top ${command} filter ${hooks[plane]} ${chainNames[plane]}`),
      ];
    }),
    '',
  ].join('\n');
  return { files: [{ name: 'docker-outbound.sh', text }], needsAll: false };
}
