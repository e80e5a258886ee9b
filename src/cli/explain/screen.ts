import { formatAddress } from '../../ip/address.ts';
import type { Diagnostic } from '../../policy/diagnostic.ts';
import type { Destination } from '../../policy/model.ts';
import { type SourceRef, sourceOfLabels } from '../../policy/source.ts';
import type { EndpointIdentity, Ruleset } from '../../ruleset/ruleset.ts';
import { isCutOff } from '../../ruleset/unheld.ts';
import type { WorldIndex } from '../../ruleset/world-index.ts';
import { workloadName } from '../../world/workload.ts';
import type { Container } from '../../world/world.ts';
import { boxText, packetText } from '../boxes.ts';
import { diagnosticText } from '../diagnostics.ts';
import { type Force, failingTestsText } from '../force.ts';
import { columns, counted, safe, wrap } from '../text.ts';
import { unheldJson } from '../unheld-text.ts';
import type { View } from '../view.ts';
import type { Answer } from './answer.ts';
import { hintsFor } from './hints.ts';
import { nextStep } from './next-step.ts';
import { publisherOf } from './published.ts';
import type { Sender } from './sender.ts';
import { refusalText, stepJson, stepText } from './steps.ts';

export interface Explanation {
  /** TO as it was asked. */
  readonly asked: Destination;
  readonly sender: Sender;
  readonly answer: Answer;
  /** Through the sender's other networks. */
  readonly elsewhere: readonly Answer[];
  readonly replicas: readonly { readonly sender: Sender; readonly answers: readonly Answer[] }[];
  readonly index: WorldIndex;
  readonly ruleset: Ruleset;
  /** Of the live host; null for a saved world. */
  readonly force: Force | null;
  /** Errors of compiling: what labels and x-sluice are refused for. */
  readonly refusals: readonly Diagnostic[];
  /** How many tests of the policy fail: it cannot be applied as it is. */
  readonly failingTests: number;
}

/** What `explain --json` prints. */
export function explanationJson(explanation: Explanation): object {
  const { asked, answer, elsewhere, replicas, sender } = explanation;
  const { outcome, verdict, one, parts } = answer;
  const publisher = askedPublisher(explanation);
  return {
    command: 'explain',
    version: 1,
    judged: true,
    from: endpointJson(sender, answer.endpoint, explanation.index),
    to: asked.source.text,
    outcome,
    refusal: verdict.refusal,
    mayBeSilent: mayBeSilent(explanation),
    publishedBy: publisher === undefined ? null : workloadName(publisher),
    plane: verdict.plane,
    packet: packetOf(answer),
    onePacket: one,
    parts: {
      allowed: parts.allowed.map(boxText),
      audited: parts.audited.map(boxText),
      denied: parts.denied.map(boxText),
    },
    steps: verdict.steps.map(stepJson),
    hints: hintsOf(explanation),
    next: nextStep(answer, asked, explanation.index),
    inForce: explanation.force?.inForce ?? null,
    pending: isPending(explanation),
    failingTests: explanation.failingTests,
    otherNetworks: elsewhere.map((other) => ({
      ...endpointJson(sender, other.endpoint, explanation.index),
      outcome: other.outcome,
    })),
    replicas: replicas.map((replica) => ({
      container: replica.sender.container.name,
      outcome: replica.answers[0]?.outcome ?? null,
    })),
  };
}

/** What `explain` shows: the verdict first, then the steps that led to it, then who else it is about. */
export function explanationLines(explanation: Explanation, view: View): readonly string[] {
  const { asked, answer, elsewhere } = explanation;
  const { paint } = view;
  const { outcome, one, verdict } = answer;
  const word = { allowed: 'ALLOWED', audited: 'AUDITED', denied: 'DENIED', partly: 'PARTLY' }[outcome];
  const style = { allowed: paint.good, audited: paint.doubtful, denied: paint.bad, partly: paint.doubtful }[outcome];
  const publisher = askedPublisher(explanation);
  const how = outcome === 'partly' ? 'part of it passes' : refusalText(verdict, mayBeSilent(explanation));
  const to = one ? packetOf(answer) : safe(asked.source.text);
  const head = `${style(paint.strong(word))}${how === '' ? '' : ` (${how})`}  ${safe(answer.endpoint.workload)} -> ${to}`;
  const example = one ? [] : [`for example ${packetOf(answer)}:`];
  const hintLines = hintsOf(explanation)
    .flatMap((hint) => wrap(safe(hint), view.width - margin))
    .map((line) => `${' '.repeat(margin)}${line}`);
  const next = nextStep(answer, asked, explanation.index);
  return [
    head,
    ...indented('', fromText(explanation), view),
    ...(publisher === undefined ? [] : indented('', publishedText(explanation, publisher), view)),
    ...partLines(answer, view),
    ...example.map((text) => `  ${paint.faint(text)}`),
    ...verdict.steps.flatMap((step, index) => [
      ...stepLines(index + 1, step, view),
      ...(step.kind === 'nothing-allows' ? hintLines : []),
    ]),
    ...elsewhereLines(answer, elsewhere, explanation, view),
    ...replicaLines(explanation, view),
    ...(next === null ? [] : wrap(safe(next), view.width)),
    ...forceLines(explanation, view),
  ];
}

/** That the kernel may judge otherwise until the policy as it is written is applied. */
function forceLines(explanation: Explanation, { paint, width }: View): readonly string[] {
  const text = forceText(explanation);
  return text === null ? [] : wrap(text, width).map(paint.doubtful);
}

function forceText(explanation: Explanation): string | null {
  const { failingTests, force, answer } = explanation;
  if (failingTests > 0) return failingTestsText(failingTests);
  if (force?.inForce === false) return 'This is not in force: the kernel holds no policy. To hold it: sluice apply';
  if (isPending(explanation) !== true) return null;
  const name = safe(answer.endpoint.container.name);
  return `This may not be in force yet: what holds for ${name} has changed since the last apply. To hold it: sluice apply`;
}

function isPending({ force, answer }: Explanation): boolean | null {
  return force?.pending?.has(answer.endpoint.container.name) ?? null;
}

/** The container whose published port the told packet asks for, by an address of the host. */
function askedPublisher({ answer, index }: Explanation): Container | undefined {
  return answer.verdict.plane === 'host' ? publisherOf(answer.packet, index) : undefined;
}

/** What DNAT has turned elsewhere is dropped without a word (docs/packet-path.md, "Denied"). */
function mayBeSilent(explanation: Explanation): boolean {
  const { outcome, verdict } = explanation.answer;
  const speaks = outcome === 'denied' && verdict.refusal !== 'silence';
  return speaks && askedPublisher(explanation) !== undefined;
}

function publishedText({ answer }: Explanation, publisher: Container): string {
  return `${packetOf(answer)} is a port of ${safe(workloadName(publisher))}, published on the host`;
}

/** A container that nothing judges: on no enrolled bridge, or not held. */
export function notJudgedJson({ container, unheld }: Sender): object {
  return {
    command: 'explain',
    version: 1,
    judged: false,
    from: { container: container.name, workload: workloadName(container) },
    unheld: unheld.map(unheldJson),
  };
}

/** Why what a container sends is not judged: it cannot be held, or nothing of the policy is about it. */
export function notJudgedLines({ container, unheld }: Sender, view: View): readonly string[] {
  const { paint } = view;
  const name = safe(workloadName(container));
  if (unheld.length > 0)
    return [
      isCutOff(unheld)
        ? `${paint.doubtful(paint.strong('CUT OFF'))}  ${name}`
        : `${paint.bad(paint.strong('NOT HELD'))}  ${name}`,
      ...unheld.flatMap(({ reason, fix }) => [reason, fix]).flatMap((text) => indented('', safe(text), view)),
    ];
  return [
    `${paint.doubtful(paint.strong('NOT JUDGED'))}  ${name}`,
    ...indented(
      '',
      'no policy names it, and its bridge has nobody whom one names: it may send what Docker lets it',
      view,
    ),
    `To hold it, name ${name} in the policy.`,
  ];
}

function hintsOf({ answer, refusals, ruleset, index }: Explanation): readonly string[] {
  const last = answer.verdict.steps.find((step) => step.kind === 'nothing-allows');
  if (last === undefined) return [];
  if (answer.program.standing !== 'refused') return hintsFor(answer.packet, last.tried, ruleset, index);
  const place = ({ file, line }: SourceRef) => `${file}:${line}`;
  const own = [place(last.otherwise), place(sourceOfLabels(answer.endpoint.container.name, ''))];
  return refusals
    .filter(({ source, related = [] }) => [source, ...related].some((one) => own.includes(place(one))))
    .map(diagnosticText);
}

function packetOf({ packet: { to, protocol, port } }: Answer): string {
  return packetText({ family: to.family, address: to.value, protocol, port });
}

function networkName({ bridge }: EndpointIdentity, index: WorldIndex): string {
  return index.world.networks.find((network) => network.bridge?.name === bridge.name)?.name ?? bridge.name;
}

function endpointJson({ container }: Sender, endpoint: EndpointIdentity, index: WorldIndex): object {
  return {
    container: container.name,
    workload: workloadName(container),
    network: networkName(endpoint, index),
    bridge: endpoint.bridge.name,
    addresses: endpoint.addresses.map(formatAddress),
  };
}

function fromText({ sender, answer, elsewhere, replicas, index }: Explanation): string {
  const { endpoint } = answer;
  const address = endpoint.addresses.find(({ family }) => family === answer.packet.to.family) ?? endpoint.addresses[0];
  const shared =
    endpoint.container.name === sender.container.name
      ? ''
      : `, whose network it shares (${safe(sender.container.name)})`;
  return [
    `from ${safe(endpoint.container.name)}${shared}, ${address === undefined ? '' : `${formatAddress(address)} `}`,
    `on ${safe(networkName(endpoint, index))} (${safe(endpoint.bridge.name)})`,
    elsewhere.length > 0 ? `, the likely one of its ${elsewhere.length + 1} networks` : '',
    replicas.length > 0 ? `; the first of ${replicas.length + 1} containers` : '',
  ].join('');
}

const mostParts = 6;

function partLines({ outcome, parts }: Answer, { paint, width }: View): readonly string[] {
  if (outcome !== 'partly') return [];
  const kinds = (['allowed', 'audited', 'denied'] as const).filter((kind) => parts[kind].length > 0);
  const most = Math.max(...kinds.map((kind) => parts[kind].length));
  const remainder = kinds.find((kind) => parts[kind].length === most);
  return kinds.flatMap((kind) => {
    const boxes = parts[kind];
    const style = { allowed: paint.good, audited: paint.doubtful, denied: paint.bad }[kind];
    const shown = boxes.slice(0, mostParts).map(boxText);
    const rest = boxes.length - shown.length;
    const lines =
      kind === remainder && boxes.length > 1
        ? ['everything else in it']
        : [...shown, ...(rest > 0 ? [`and ${counted(rest, 'more range')}`] : [])];
    return lines
      .flatMap((text) => wrap(text, width - 13))
      .map((text, index) => `  ${index === 0 ? style(kind.padEnd(9)) : ' '.repeat(9)}  ${text}`);
  });
}

const margin = 17;

function stepLines(
  number: number,
  step: Answer['verdict']['steps'][number],
  { paint, width }: View,
): readonly string[] {
  const { title, text, source } = stepText(step);
  const lines = wrap(text, width - margin).map((line, index) =>
    index === 0 ? `  ${number}  ${title.padEnd(margin - 5)}${line}` : `${' '.repeat(margin)}${line}`,
  );
  const last = lines.at(-1) ?? '';
  if (source === null) return lines;
  return columns(last) + 3 + columns(source) <= width
    ? [...lines.slice(0, -1), `${last}   ${paint.faint(source)}`]
    : [...lines, `${' '.repeat(margin)}${paint.faint(source)}`];
}

function elsewhereLines(
  answer: Answer,
  elsewhere: readonly Answer[],
  { index }: Explanation,
  view: View,
): readonly string[] {
  if (elsewhere.length === 0) return [];
  const names = (answers: readonly Answer[]) =>
    answers.map(({ endpoint }) => safe(networkName(endpoint, index))).join(', ');
  const alike = elsewhere.filter(({ outcome }) => outcome === answer.outcome);
  const other = elsewhere.filter(({ outcome }) => outcome !== answer.outcome);
  return [
    ...(alike.length === 0 ? [] : [`the same verdict through ${names(alike)}`]),
    ...other.map((one) => `${one.outcome} through ${names([one])}: --network ${names([one])} tells why`),
  ].flatMap((text) => indented('', text, view));
}

function replicaLines({ answer, replicas }: Explanation, view: View): readonly string[] {
  const other = replicas.filter(({ answers }) => answers[0]?.outcome !== answer.outcome);
  return other.flatMap(({ sender, answers }) =>
    indented(
      '',
      `${answers[0]?.outcome ?? unjudgedWord(sender)} for ${safe(sender.container.name)}: ask for it by this name`,
      view,
    ),
  );
}

function unjudgedWord({ unheld }: Sender): string {
  return isCutOff(unheld) ? 'cut off' : 'not held';
}

function indented(title: string, text: string, { width }: View): readonly string[] {
  return wrap(text, width - 2 - title.length).map((line) => `  ${title}${line}`);
}
