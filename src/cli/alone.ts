import type { Ruleset } from '../ruleset/ruleset.ts';
import { bootId } from '../state/boot.ts';
import { firstOf } from '../state/host-state.ts';
import { StateError } from '../state/part.ts';
import type { PolicyState } from '../state/policy-state.ts';
import { type Remembered, Store } from '../state/store.ts';
import type { Ports, Switched } from './ports.ts';

/** The state directory while no daemon keeps it: ours until it is disposed. */
export interface OwnState extends AsyncDisposable {
  readonly store: Store;
  readonly remembered: Remembered;
  /** What the operator should hear of it. */
  readonly notices: readonly string[];
}

const patience = 10_000; // ms: another command may be at it

/**
 * Takes the state directory. One that cannot be locked, as on a read-only file system, is used all the same.
 *
 * @throws StateError when another process has it
 */
export async function takeState(directory: string, ports: Ports, wait = patience): Promise<OwnState> {
  const notices: string[] = [];
  const lock = await ports.lock(directory, wait).catch((error: unknown) => {
    if (error instanceof StateError) throw error;
    notices.push(`${directory} cannot be locked: ${messageOf(error)}`);
    return null;
  });
  try {
    const store = new Store(directory, ports.files);
    const remembered = await store.open(ports.now());
    return {
      store,
      remembered,
      notices: [...notices, ...remembered.notices],
      [Symbol.asyncDispose]: async () => lock?.[Symbol.asyncDispose](),
    };
  } catch (error) {
    await lock?.[Symbol.asyncDispose]();
    throw error;
  }
}

/** What is in the kernel by now. */
export interface Held {
  readonly policy: PolicyState;
  readonly ruleset: Ruleset;
  /** The engine's version. */
  readonly engine: string;
  /** Bridges that were switched on for it. */
  readonly switched: Switched;
}

/** Writes what the kernel holds by now. Throws StateError; then what was not written yet is as before. */
export async function rememberHeld({ store, remembered }: OwnState, held: Held, ports: Ports): Promise<void> {
  const { policy, ruleset, engine, switched } = held;
  const boot = await bootId(ports.files);
  await store.writePolicy(policy);
  await store.writeHost({ networks: ruleset.heldNetworks, switched: firstOf(remembered.host.switched, switched) });
  await store.writeApplied({ at: ports.now(), engine, boot, ruleset });
  await store.writeRules({ boot, text: await ports.kernel.loadable(withoutSenders(ruleset), null) });
}

/** At the next boot nobody has the place he has now: the rules stand ready, and everybody is denied until known. */
function withoutSenders(ruleset: Ruleset): Ruleset {
  const groups = ruleset.groups.map((group) => ({ ...group, members: [], addresses: { v4: [], v6: [] } }));
  return { ...ruleset, endpoints: [], groups };
}

/** What somebody threw, in words: an error's message, or the thing itself. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
