import { resolve } from 'node:path';
import { type Daemon } from '../control/client.ts';
import type { Pending } from '../control/protocol.ts';
import type { BackendChoice, BackendName } from '../enforce/backend.ts';
import { parseAddress } from '../ip/address.ts';
import type { PolicyText } from '../policy/read.ts';
import { digestOf, noPolicy, type PendingConfirm, type PolicyState, putInForce } from '../state/policy-state.ts';
import { Store } from '../state/store.ts';
import { messageOf, rememberHeld, takeState } from './alone.ts';
import type { Context } from './context.ts';
import { CliError } from './error.ts';
import type { CutConversation } from './ports.ts';
import type { Situation } from './situation.ts';

/** What came of putting a policy in force. */
export interface PutInForce {
  readonly by: 'daemon' | 'command';
  /** In what the rules stand; null where the daemon says nothing of it. */
  readonly backend: BackendName | null;
  readonly cut: readonly CutConversation[];
  readonly pending: Pending | null;
  readonly warnings: readonly string[];
}

/** How a policy is to be put in force. */
export interface Wishes {
  /** Milliseconds until it goes back by itself unless it is confirmed; null: it stays. */
  readonly confirm: number | null;
  /** null: in what rules of ours stand, or as is usual. */
  readonly backend: BackendChoice | null;
}

/**
 * Puts the policy that was read and checked in force: through the daemon where one answers, else alone.
 *
 * @throws CliError and errors of parts; then what was in force still is
 */
export async function bringIntoForce(
  context: Context,
  situation: Situation,
  { confirm, backend }: Wishes,
): Promise<PutInForce> {
  const { settings, ports } = context;
  const texts = absolute(situation.loaded.texts);
  const daemon = await ports.daemon(settings.socket);
  const limit = confirm === null ? null : await startLimit(context, texts, confirm);
  if (daemon !== null) return throughDaemon(daemon, digestOf(texts), limit, backend);
  return alone(context, situation, texts, limit, backend);
}

/** The same texts have the same digest wherever a command is run from. */
export function absolute(texts: readonly PolicyText[]): readonly PolicyText[] {
  return texts.map((text) => ({ ...text, path: resolve(text.path) }));
}

/** Sees to it beforehand that the change can and will be taken back: whatever becomes of us, somebody waits for it. */
async function startLimit(
  { settings, ports, screen }: Context,
  texts: readonly PolicyText[],
  time: number,
): Promise<PendingConfirm | null> {
  const store = new Store(settings.state, ports.files);
  const reading = await store.readPolicy();
  if (reading.kind === 'broken' || reading.kind === 'newer')
    throw new CliError(
      'unable',
      `${reading.reason}, so the change could not go back by itself`,
      'sluice apply, without --confirm',
    );
  const limit = { digest: digestOf(texts), until: ports.now() + time, token: ports.token() };
  const state = reading.kind === 'good' ? reading.value : noPolicy;
  if (state.current?.digest === limit.digest && state.pending === null) {
    screen.warn('this policy is in force already, so there is nothing to go back to and nothing to confirm');
    return null;
  }
  if (state.current === null && (await ports.kernel.standing()) !== false)
    throw new CliError(
      'unable',
      'which policy is in force now is not known, so the change could not go back by itself',
      'sluice apply, without --confirm; from then on it is known',
    );
  if (state.pending === null) await keepRules(store, ports);
  const { config, state: directory, socket, host } = settings;
  await ports.startTimer({
    config: resolve(config),
    state: resolve(directory),
    socket: resolve(socket),
    host: host ?? null,
    digest: limit.digest,
    token: limit.token,
    until: limit.until,
  });
  return limit;
}

/** What stands now, as text to load where nothing else works; an unconfirmed change before keeps what it has. */
async function keepRules(store: Store, ports: Context['ports']): Promise<void> {
  await store.forgetRulesBefore();
  const applied = await store.readApplied();
  if (applied.kind !== 'good') return;
  const { boot, ruleset } = applied.value;
  await store.writeRulesBefore({ boot: boot ?? '', text: await ports.kernel.loadable(ruleset, null) });
}

async function throughDaemon(
  daemon: Daemon,
  digest: string,
  limit: PendingConfirm | null,
  asked: BackendChoice | null,
): Promise<PutInForce> {
  const confirm = limit === null ? {} : { confirm: { until: limit.until, token: limit.token } };
  const answer = await daemon.apply({ digest, ...(asked === null ? {} : { backend: asked }), ...confirm });
  if (!answer.ok)
    throw new CliError(
      'unable',
      `the daemon did not apply it: ${answer.message}`,
      'what was in force still is; sluice status',
    );
  // it is held whatever becomes of this question; the daemon says in what with its status only
  const backend = await daemon.status().then(
    (status) => status.backend,
    () => null,
  );
  return {
    by: 'daemon',
    backend,
    cut: answer.cut.map(cutOf),
    pending: answer.pending,
    warnings: answer.warnings,
  };
}

/** A conversation that the daemon says it cut. @throws CliError (unable) when what it names is no address */
export function cutOf({
  workload,
  container,
  to,
  protocol,
  port,
}: {
  readonly workload: string;
  readonly container: string;
  readonly to: string;
  readonly protocol: number;
  readonly port: number;
}): CutConversation {
  const address = parseAddress(to);
  if (address === undefined) throw new CliError('unable', `the daemon named an address that is none: ${to}`);
  return { workload, container, to: address, protocol, port };
}

async function alone(
  { settings, ports, screen }: Context,
  { ruleset, world, loaded }: Situation,
  texts: readonly PolicyText[],
  limit: PendingConfirm | null,
  backend: BackendChoice | null,
): Promise<PutInForce> {
  await using own = await takeState(settings.state, ports);
  const { store, remembered } = own;
  const before = (await ports.kernel.standing()) === false ? 'nothing' : 'unknown';
  const policy = putInForce(remembered.policy, texts, { now: loaded.now, before, pending: limit });
  // whoever takes it back looks here, so it is written before anything changes; without a limit the kernel comes first
  if (limit !== null) await store.writePolicy(policy);
  screen.progress('changing the kernel …');
  const applied = await ports.kernel.apply(ruleset, loaded.now, backend).catch(async (error: unknown) => {
    if (limit !== null) await store.writePolicy(remembered.policy);
    throw error;
  });
  const { cut, switched } = applied;
  const warnings = [...own.notices];
  try {
    await rememberHeld(own, { policy, ruleset, engine: world.engine.version, switched }, ports);
  } catch (error) {
    warnings.push(
      `the kernel holds the policy, but this could not be remembered: ${messageOf(error)}`,
      'the next plan counts everything as new, and down leaves the bridges as they are',
    );
  }
  return { by: 'command', backend: applied.backend, cut, pending: pendingOf(policy), warnings };
}

function pendingOf({ pending }: PolicyState): Pending | null {
  return pending === null ? null : { digest: pending.digest, until: pending.until };
}
