import type { Daemon } from '../../control/client.ts';
import { Store } from '../../state/store.ts';
import { takeState } from '../alone.ts';
import { compiledAgain, goBackAlone } from '../go-back.ts';
import type { Ports } from '../ports.ts';
import type { TimerOrder } from './order.ts';

/** Milliseconds between looks at whether it still waits, and between attempts. */
const rest = 1_000;
/** A kernel or a disk that refuses for so long needs a person; `sluice status` says that the change is overdue. */
const attempts = 120;
/** From this attempt on another command that keeps the state directory is not waited for. */
const impatient = 3;

/**
 * Waits until a change is confirmed or its time is up, and then takes it back: through the daemon where one answers,
 * else alone. It counts as done when the kernel was read and holds the policy before.
 *
 * @param waits called once, when nothing can keep it from waiting any more
 * @returns whether the change was taken back
 */
export async function serveTimer(order: TimerOrder, ports: Ports, waits: () => void): Promise<boolean> {
  const isPending = watcher(order, ports);
  // not by the clock on the wall, which may be set meanwhile
  let left = order.until - ports.now();
  waits();
  for (; left > 0; left -= rest) {
    await ports.sleep(Math.min(rest, left));
    if ((await isPending()) === 'not any more') return false;
  }
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const pending = await isPending();
    if (pending === 'not any more') return false;
    // a change that takes longer than its time may still be made
    if (pending !== 'not yet' && (await takeBack(order, ports, attempt).catch(() => false))) return true;
    await ports.sleep(rest);
  }
  return false;
}

/** Tells whether the change waits. Until it was seen to, it may be about to be made. */
function watcher(
  { state, digest, token }: TimerOrder,
  ports: Ports,
): () => Promise<'yes' | 'not yet' | 'not any more' | 'unknown'> {
  const store = new Store(state, ports.files);
  let seen = false;
  return async () => {
    const reading = await store.readPolicy();
    if (reading.kind !== 'good') return reading.kind === 'none' ? (seen ? 'not any more' : 'not yet') : 'unknown';
    const { current, pending } = reading.value;
    if (pending?.token === token) {
      seen = true;
      return 'yes';
    }
    if (pending === null && current?.digest === digest) return 'not any more'; // confirmed before we looked
    return seen ? 'not any more' : 'not yet';
  };
}

async function takeBack(order: TimerOrder, ports: Ports, attempt: number): Promise<boolean> {
  const daemon = await answering(order.socket, ports);
  if (daemon !== null && daemon !== 'silent') {
    const answer = await daemon.rollback({ by: 'confirm-expired', token: order.token });
    if (answer.ok) return daemonHolds(order, ports);
    // back to nothing: a daemon always holds something, so it ends, and its rules are taken away
    if (answer.code !== 'nothing-before') return false;
    await daemon.stop();
  }
  // whoever has the state and does not answer: the change has to go all the same
  const anyway = daemon === 'silent' || attempt >= impatient;
  await using own = await takeState(order.state, anyway ? { ...ports, lock: noLock } : ports, 5_000);
  if (own.remembered.policy.pending?.token !== order.token) return true;
  const went = await goBackAlone(own, 'confirm-expired', ports, order.host ?? undefined);
  return went.kind !== 'nothing-before';
}

const noLock: Ports['lock'] = async () => ({ [Symbol.asyncDispose]: async () => {} });

/** A daemon that answers; `silent` when one listens and does not, as when it was stopped. */
async function answering(socket: string, ports: Ports): Promise<Daemon | 'silent' | null> {
  try {
    const daemon = await ports.daemon(socket);
    await daemon?.status();
    return daemon;
  } catch {
    return 'silent';
  }
}

/** Reads the kernel after a daemon said that it went back; what runs may change while we look. */
async function daemonHolds({ state, host }: TimerOrder, ports: Ports): Promise<boolean> {
  const store = new Store(state, ports.files);
  const reading = await store.readPolicy();
  if (reading.kind !== 'good' || reading.value.pending !== null) return false;
  const { current } = reading.value;
  if (current === null) return (await ports.kernel.standing()) === false;
  for (let look = 0; look < 3; look++) {
    const remembered = await store.readHost();
    const networks = remembered.kind === 'good' ? remembered.value.networks : [];
    const { ruleset } = await compiledAgain(current, networks, ports, host ?? undefined);
    if (await ports.kernel.holds(ruleset)) return true;
    await ports.sleep(rest);
  }
  return false;
}
