import type { Box } from '../../ip/box.ts';
import { indexWorld } from '../../ruleset/world-index.ts';
import type { Context } from '../context.ts';
import { CliError } from '../error.ts';
import type { Exit } from '../exit.ts';
import { type Answer, answerFor, likelyEndpoint } from '../explain/answer.ts';
import { packetsTo, readDestination } from '../explain/question.ts';
import {
  type Explanation,
  explanationJson,
  explanationLines,
  notJudgedJson,
  notJudgedLines,
} from '../explain/screen.ts';
import { type Sender, sendersNamed } from '../explain/sender.ts';
import { readForce } from '../force.ts';
import type { Given } from '../given.ts';
import { readSituation, type Situation } from '../situation.ts';

/** `sluice explain FROM TO`: one packet's way through the policy. */
export async function explain(context: Context, given: Given): Promise<Exit> {
  if (given.flag('path')) return (await import('../path/command.ts')).explainPath(context, given);
  if (given.text('listing') !== undefined)
    throw new CliError('usage', '--listing is for --path', 'sluice explain --path FROM TO --listing FILE');
  if (given.flag('live')) throw new CliError('usage', '--live is for --path', 'sluice explain --path --live FROM TO');
  const to = readDestination(given.argument(1));
  const consequence = 'So nothing can be explained.';
  const situation = await readSituation(context, 'explain', given.text('world'), consequence, 'may fail');
  if (situation === null) return 'no';
  const { policy, world, ruleset, loaded } = situation;
  const senders = sendersNamed(given.argument(0), world, ruleset);
  const [first] = senders;
  if (first === undefined) throw new Error('no sender was named');
  const index = indexWorld(world);
  const network = given.text('network');
  const ask = (sender: Sender): readonly Answer[] => {
    const region = packetsTo(to, sender.container, policy, index, loaded.now);
    return ordered(sender, region, network, situation).map((endpoint) =>
      answerFor(endpoint, region, ruleset, loaded.now),
    );
  };
  const [answer, ...elsewhere] = ask(first);
  if (answer === undefined) {
    context.screen.show(notJudgedJson(first), (view) => notJudgedLines(first, view));
    return first.unheld.length > 0 ? 'no' : 'ok';
  }
  const explanation: Explanation = {
    asked: to,
    sender: first,
    answer,
    elsewhere,
    replicas: senders.slice(1).map((sender) => ({ sender, answers: ask(sender) })),
    index,
    ruleset,
    force: given.text('world') === undefined ? await readForce(context, situation) : null,
    refusals: situation.diagnostics.filter(({ severity }) => severity === 'error'),
    failingTests: situation.failingTests,
  };
  context.screen.show(explanationJson(explanation), (view) => explanationLines(explanation, view));
  return answer.outcome === 'denied' || answer.outcome === 'partly' ? 'no' : 'ok';
}

/** The endpoints of a sender, the one its packets most likely leave through first. */
function ordered(sender: Sender, region: readonly Box[], network: string | undefined, { world }: Situation) {
  const index = indexWorld(world);
  if (network === undefined) {
    const likely = likelyEndpoint(sender.endpoints, region, index);
    return sender.endpoints.toSorted((a, b) => Number(b === likely) - Number(a === likely));
  }
  const bridge = world.networks.find(({ name }) => name === network)?.bridge?.name;
  const chosen = sender.endpoints.filter((endpoint) => endpoint.bridge.name === bridge);
  if (chosen.length > 0) return chosen;
  const names = index.networksOf(sender.container).map(({ name }) => name);
  throw new CliError(
    'unable',
    `${sender.container.name} sends nothing that is judged through a network ${network}`,
    names.length === 0 ? 'it is on no network' : `it is on ${names.join(', ')}`,
  );
}
