import { formatAddress } from '../../ip/address.ts';
import { indexWorld } from '../../ruleset/world-index.ts';
import { encodeRuleset } from '../../state/ruleset-text.ts';
import { workloadName } from '../../world/workload.ts';
import { readApplied } from '../applied.ts';
import { packetText } from '../boxes.ts';
import type { Context } from '../context.ts';
import { CliError } from '../error.ts';
import type { Exit } from '../exit.ts';
import { requireRoot } from '../root.ts';
import { readSituation } from '../situation.ts';
import { cell, table } from '../table.ts';
import { counted, safe, sentence, wrap } from '../text.ts';
import type { View } from '../view.ts';
import { type Attempt, type Attempts, attemptsOf } from './attempts.ts';
import { type Finding, findingOf } from './findings.ts';

/** `sluice test --live`: each test by a real packet from inside each running container it speaks for. */
export async function liveTest(context: Context): Promise<Exit> {
  const { ports, screen, settings } = context;
  requireRoot(ports.user, "send from containers and read the kernel's trace");
  const situation = await readSituation(context, 'test', undefined, 'So nothing was sent.');
  if (situation === null) return 'no';
  if ((await ports.kernel.standing()) !== true)
    throw new CliError('unable', 'the kernel holds no policy, so there is nothing to test', 'sluice apply first');
  const [holder, other] = await ports.kernel.backends();
  if (holder !== undefined && other !== undefined)
    throw new CliError(
      'unable',
      `rules stand in ${holder} and in ${other}: one of them takes over from the other, or a change was cut short`,
      'sluice apply',
    );
  const { policy, world, ruleset, loaded } = situation;
  const memory = await readApplied(settings.state, ports.files);
  if (memory.kind === 'applied' && encodeRuleset(memory.applied.ruleset) !== encodeRuleset(ruleset))
    screen.warn(
      'policy or containers changed since the last apply: where kernel and policy differ, apply may be all it takes',
    );

  const index = indexWorld(world);
  const planned = attemptsOf(policy, index, loaded.now);
  const findings: Finding[] = [];
  {
    await using prober = await ports.kernel.prober();
    for (const [number, attempt] of planned.attempts.entries()) {
      screen.progress(
        `${number + 1}/${planned.attempts.length}  ${safe(workloadName(attempt.container))} -> ${placeOf(attempt)}`,
      );
      findings.push(findingOf(attempt, await prober.probe(attempt), ruleset, index, loaded.now));
    }
  }
  const good = findings.every(({ kind }) => kind === 'holds' || kind === 'elsewhere') && findings.length > 0;
  screen.show(
    {
      command: 'test',
      version: 1,
      live: true,
      good,
      probes: findings.map(findingJson),
      notSent: planned.unsent.map(({ entry, from, reason }) => ({ from, to: entry.source.text, reason })),
    },
    (view) => [
      ...findingLines(findings, view),
      ...unsentLines(planned.unsent, view),
      ...summary(findings, planned.unsent.length, view),
    ],
  );
  return good ? 'ok' : 'no';
}

function placeOf({ to, protocol, port }: Attempt): string {
  return packetText({ family: to.family, address: to.value, protocol, port });
}

function findingJson({ attempt, kind, evaluator, kernel, note }: Finding): object {
  const { container, entry, wanted, to, protocol, port } = attempt;
  return {
    result: kind,
    container: container.name,
    workload: workloadName(container),
    entry: entry.source.text,
    wanted,
    to: formatAddress(to),
    protocol,
    port,
    evaluator,
    kernel,
    note,
  };
}

const looks = { holds: 'good', elsewhere: 'doubtful', fails: 'bad', differs: 'bad', unproven: 'bad' } as const;

function findingLines(findings: readonly Finding[], view: View): readonly string[] {
  if (findings.length === 0) return [];
  const head = [
    { title: 'RESULT', least: 9 },
    { title: 'CONTAINER', least: 10 },
    { title: 'WANTED', least: 6 },
    { title: 'PACKET', least: 20 },
    { title: 'POLICY', least: 7 },
    { title: 'KERNEL', least: 7 },
  ];
  const lines = table(
    head,
    findings.map(({ attempt, kind, evaluator, kernel }) => [
      cell(kind, looks[kind]),
      cell(safe(attempt.container.name)),
      cell(attempt.wanted),
      cell(placeOf(attempt)),
      cell(evaluator ?? '?'),
      cell(kernel ?? '?'),
    ]),
    view,
  );
  const notes = findings.flatMap(({ attempt, note }) =>
    note === null ? [] : wrap(`${safe(attempt.container.name)} -> ${placeOf(attempt)}: ${safe(note)}`, view.width),
  );
  return [...lines, ...notes];
}

function unsentLines(unsent: Attempts['unsent'], { paint, width }: View): readonly string[] {
  return unsent
    .flatMap(({ entry, from, reason }) =>
      wrap(`not sent  ${safe(from)} -> ${safe(entry.source.text)}: ${safe(reason)}`, width),
    )
    .map((line) => paint.faint(line));
}

function summary(findings: readonly Finding[], unsent: number, { paint, width }: View): readonly string[] {
  if (findings.length === 0) return sentence('No packet was sent, so nothing is proven.', paint.strong, width);
  const count = (kind: Finding['kind']) => findings.filter((finding) => finding.kind === kind).length;
  const bad = [
    [count('differs'), 'where kernel and policy differ'],
    [count('fails'), 'that fail'],
    [count('unproven'), 'that prove nothing'],
  ] as const;
  const told = bad.filter(([number]) => number > 0).map(([number, words]) => `${number} ${words}`);
  if (told.length > 0)
    return sentence(`Of ${counted(findings.length, 'packet')}: ${told.join(', ')}.`, paint.strong, width);
  const elsewhere = count('elsewhere');
  const more = [
    ...(elsewhere === 0 ? [] : [`${elsewhere} stopped before Sluice's rules`]),
    ...(unsent === 0 ? [] : [`${counted(unsent, 'entry', 'entries')} not tried`]),
  ];
  return sentence(
    `${counted(findings.length, 'packet')} sent: kernel and policy agree${more.map((text) => `; ${text}`).join('')}.`,
    paint.good,
    width,
  );
}
