import type { Family } from '../ip/address.ts';
import { chainNames, chainOf, hooks, planes } from './chains.ts';
import type { StaticPlan } from './plan.ts';
import { aboutPlan, familiesIn, iptablesOf, type Rendering } from './rendering.ts';
import { oldNames, removeRemarks } from './reverse.ts';
import { commandRemark, remark, systemdWord } from './text.ts';

type Table = 'filter' | 'security';

/** The article's `docker.service.d/override.conf`, and its `docker-compose@.service`. */
export function renderDropin(plan: StaticPlan): Rendering {
  const text = [
    '# /etc/systemd/system/docker.service.d/override.conf',
    '#',
    ...aboutPlan(plan),
    '#',
    ...remark('To put it in force:'),
    commandRemark('systemctl daemon-reload && systemctl restart docker'),
    ...remark(
      'To take it away, delete this file, "systemctl daemon-reload", and run the lines at its end. Stopping docker does not take the rules away, since containers may run on without it (live-restore).',
    ),
    '#',
    ...remark(
      'In FORWARD the chain stands in the form of the article. Its flaw: engines up to 27 put the rules of a network that is made anew above it, and 28 and later those of a restart, so that packets pass it by. So the same chain stands in the table security too, which the kernel asks after FORWARD of filter and where an ACCEPT of Docker or of anybody else decides nothing: what FORWARD did not deny is dropped there. It is made before dockerd starts, so that no container runs without it.',
    ),
    ...remark(
      'RETURN in place of the ACCEPT of the article: an ACCEPT would also pass DOCKER-USER and what Docker parts. What a container sends to the host itself comes through INPUT, not FORWARD.',
    ),
    ...remark(
      'Where a line fails that does not begin with "-", docker does not start: better no container than one that nothing holds. While lines run at a restart, the chains of the start before stand, under another name.',
    ),
    '',
    '[Service]',
    ...remark(
      'Not beside Sluice itself where it holds the host by iptables: chains of these names are its own, and these lines would replace them.',
    ),
    ...familiesIn(plan).flatMap((family) => [
      ...tableLines(plan, family, 'filter', 'ExecStartPost'),
      ...tableLines(plan, family, 'security', 'ExecStartPre'),
    ]),
    '',
    ...removeRemarks(),
    '',
  ].join('\n');
  return {
    files: [
      { name: 'docker.service.d/override.conf', text },
      { name: 'docker-compose@.service', text: composeUnit },
    ],
    needsAll: false,
  };
}

function tableLines(
  plan: StaticPlan,
  family: Family,
  table: Table,
  key: 'ExecStartPre' | 'ExecStartPost',
): readonly string[] {
  const command = `/sbin/${iptablesOf(family)}`;
  const line = (words: readonly string[], mayFail = false) => {
    const all = ['-w', ...(table === 'filter' ? [] : ['-t', table]), ...words];
    return `${key}=${mayFail ? '-' : ''}${command} ${all.map(systemdWord).join(' ')}`;
  };
  const away = (mayFail: boolean) =>
    planes.flatMap((plane) => [
      line(['-D', hooks[plane], '-j', oldNames[plane]], mayFail),
      line(['-F', oldNames[plane]], mayFail),
      line(['-X', oldNames[plane]], mayFail),
    ]);
  return [
    '',
    ...remark(
      table === 'filter'
        ? `${iptablesOf(family)}, after dockerd: the form of the article. Chains of an earlier start stand until the new ones do.`
        : `${iptablesOf(family)}, before dockerd: the same in the table security, which nothing of Docker passes by.`,
    ),
    ...away(true),
    ...planes.map((plane) => line(['-E', chainNames[plane], oldNames[plane]], true)),
    ...planes.flatMap((plane) => [
      '',
      line(['-N', chainNames[plane]]),
      ...chainOf(plan, plane, family, table, table === 'filter').map((one) =>
        one.kind === 'remark' ? one.text : line(['-A', chainNames[plane], ...one.words]),
      ),
    ]),
    ...planes.map((plane) => line(['-I', hooks[plane], '1', '-j', chainNames[plane]])),
    ...away(true),
  ];
}

const composeUnit = `# /etc/systemd/system/docker-compose@.service
#
# Written by "sluice render".
# Starts the Compose project in /etc/docker-compose/NAME at boot:
#   systemctl enable --now docker-compose@NAME
#
# "stop", not "down": down would delete the network, and the next start would make it anew. The rules hold then as well,
# if the compose file fixes its subnet; the chain in FORWARD, as the article has it, would be passed by.
[Unit]
Description=Docker Compose project %i
Requires=docker.service
After=docker.service network-online.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
WorkingDirectory=/etc/docker-compose/%i
ExecStart=/usr/bin/docker compose up -d
ExecStop=/usr/bin/docker compose stop

[Install]
WantedBy=multi-user.target
`;
