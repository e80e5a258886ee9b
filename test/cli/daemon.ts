import { serveTimer } from '../../src/cli/confirm/timer.ts';
import type { Daemon } from '../../src/control/client.ts';
import type { Status } from '../../src/control/protocol.ts';
import { confirmed, goneBack } from '../../src/state/policy-state.ts';
import { Store } from '../../src/state/store.ts';
import type { FakeHost } from './fakes.ts';

/**
 * A daemon that does what commands do alone, on the same host: it answers for the kernel and the state of that host, and
 * says of itself what a test wants it to.
 */
export function fakeDaemon(host: FakeHost, facts: Partial<Status> = {}): Daemon {
  const store = new Store('/var/lib/sluice', host.files);
  const state = async () => {
    const reading = await store.readPolicy();
    if (reading.kind !== 'good') throw new Error('no state');
    return reading.value;
  };
  /** Runs a command as if nobody listened. */
  const alone = async (args: readonly string[]) => {
    const { daemon } = host;
    host.daemon = null;
    const result = await host.sluice([...args, '--json']);
    host.daemon = daemon;
    if (result.code !== 0) throw new Error(result.out);
    return JSON.parse(result.out) as { cut: [] };
  };
  return {
    async status() {
      const { current } = await state();
      return {
        version: 1,
        state: 'enforcing',
        troubles: [],
        pid: 4711,
        startedAt: host.now - 11 * 86_400_000,
        backend: host.kernel.backend,
        lastLine: 'stands',
        drift: { kind: 'told' },
        engine: { version: '28.5.2', address: 'unix:///var/run/docker.sock' },
        policy: current === null ? null : { digest: current.digest, since: current.since, by: current.by },
        filesDiffer: false,
        workloads: ['app', 'elasticsearch', 'mongo'].map((name) => ({
          project: 'app',
          name,
          mode: 'enforce' as const,
          containers: 1,
          since: host.now - 3_600_000,
        })),
        unnamed: ['portainer', 'shop-web-1', 'shop-web-2'],
        refused: [],
        unheld: [],
        canUndo: [],
        narrower: [],
        repairs: [],
        pending: null,
        counts: { reconciles: 3, seated: 2, late: 0, gaps: 0 },
        pauses: { main: 12, guard: 0.4 },
        ...facts,
      };
    },
    async apply({ digest, confirm, backend }) {
      const { cut } = await alone(['apply', ...(backend === undefined ? [] : ['--backend', backend])]);
      const pending = confirm === undefined ? null : { digest, ...confirm };
      const now = await state();
      if (now.current?.digest !== digest) throw new Error('another digest');
      await store.writePolicy({ ...now, pending });
      return {
        ok: true,
        digest,
        cut,
        pending: pending === null ? null : { digest, until: pending.until },
        warnings: [],
      };
    },
    async rollback({ by, token }) {
      const now = await state();
      if (by === 'confirm-expired' && now.pending?.token !== token)
        return { ok: false, code: 'not-pending', message: 'it does not wait' };
      const next = goneBack(now, by, host.now);
      if (next === null) return { ok: false, code: 'nothing-before', message: 'nothing before' };
      const { cut } = await alone(['rollback']);
      await store.writePolicy(next);
      return { ok: true, digest: next.current?.digest ?? null, cut, pending: null, warnings: [] };
    },
    async confirm() {
      const next = confirmed(await state());
      if (next !== null) await store.writePolicy(next);
      return { confirmed: next !== null };
    },
    async stop() {
      host.daemon = null;
    },
  };
}

/** Lets the process wait that the last `apply --confirm` started. */
export async function letTimerRun(host: FakeHost): Promise<boolean> {
  const order = host.orders.at(-1);
  if (order === undefined) throw new Error('no process was started');
  return serveTimer(order, host.ports(), () => {});
}
