import { describe, expect, test } from 'vitest';
import type { ApplyRequest } from '../../src/control/protocol.ts';
import { heldInIptables } from '../../src/daemon/held-in-iptables.ts';
import type { HeldIn } from '../../src/daemon/holder.ts';
import { seeStanding } from '../../src/daemon/seen.ts';
import { Succession } from '../../src/daemon/succession.ts';
import { takingOver } from '../../src/daemon/taking-over.ts';
import type { BackendChoice, BackendName } from '../../src/enforce/backend.ts';
import { XtablesError } from '../../src/iptables/command.ts';
import { isStanding } from '../../src/iptables/standing.ts';
import { tellingBackend } from '../enforce/telling-backend.ts';
import { facts } from '../iptables/facts.ts';
import { FakeXtables, fakeTools } from './fake-xtables.ts';
import { DaemonHost, filesOf, soon } from './host.ts';

/** The daemons of one process on a host in memory, with nftables or with iptables-nft. */
class Process {
  readonly host = new DaemonHost();
  readonly xtables = new FakeXtables();
  /** What was opened, closed and taken away. */
  readonly said: string[] = [];
  /** In what rules stand. */
  standing: BackendName[] = [];
  missing: string | null = null;
  /** Why the next daemons cannot be started. */
  refusals: Error[] = [];
  failures: unknown[] = [];
  readonly succession: Succession;

  constructor(started: BackendChoice | null = null) {
    const heldIn: Readonly<Record<string, HeldIn>> = { nftables: this.host.kernel, 'iptables-nft': this.#iptables() };
    this.succession = new Succession({
      started,
      choose: async (asked) => {
        if (this.missing !== null) throw new XtablesError(this.missing);
        return this.#choice(asked === 'iptables' ? 'iptables-nft' : (asked as BackendName));
      },
      open: async (choice) => {
        const { name } = choice.backend;
        this.said.push(`open ${name}`);
        const of = heldIn[name];
        if (of === undefined) throw new Error(`nothing in memory is called ${name}`);
        const stands: HeldIn = {
          ...of,
          takeOver: async (_, hold) => {
            const held = await hold();
            if (!this.standing.includes(name)) this.standing.push(name);
            return held;
          },
        };
        return {
          ...takingOver(stands, choice),
          isOwn: () => false,
          [Symbol.dispose]: () => void this.said.push(`close ${name}`),
        };
      },
      start: async (kernel, handed) => {
        const refusal = this.refusals.shift();
        if (refusal !== undefined) throw refusal;
        this.host.kernel = kernel;
        return handed === null ? this.host.start() : this.host.startAfter(handed);
      },
      failed: (error) => void this.failures.push(error),
      log: (level, text) => void this.host.log.push(`${level} ${text}`),
    });
  }

  #iptables(): HeldIn {
    const { run } = this.xtables;
    return heldInIptables({
      xtables: { run, tools: fakeTools },
      looking: run,
      lookApart: (tools) => seeStanding({ run, tools }),
      facts: () => facts,
      bridges: { load: async () => {}, read: () => ({ ip: true, ip6: true }), set() {} },
      conntrack: { dumpFlows: () => [], deleteFlows: () => ({ deleted: 0, gone: 0 }), markFlows: () => {} },
    });
  }

  #choice(name: BackendName) {
    const replaced = this.standing.filter((one) => one !== name).map((one) => this.#telling(one));
    return { backend: this.#telling(name), replaced };
  }

  #telling(name: BackendName) {
    const telling = tellingBackend(name, this.said);
    return {
      ...telling,
      remove: async (beside?: Parameters<typeof telling.remove>[0]) => {
        this.standing = this.standing.filter((one) => one !== name);
        return telling.remove(beside);
      },
    };
  }

  /** Begins with nftables, and waits until that holds. */
  async begin(): Promise<void> {
    await this.succession.begin(async () => this.#choice('nftables'));
    await this.inForce();
    this.said.length = 0;
  }

  async inForce(): Promise<void> {
    await soon(async () => expect((await this.succession.status()).policy).not.toBeNull());
  }

  apply(backend: BackendChoice, more: Partial<ApplyRequest> = {}) {
    const { files } = this.host;
    return this.succession.apply({ digest: files.digest ?? '', backend, ...more });
  }
}

test('another backend takes over in the same process, and the one before is gone when that is answered', async () => {
  const one = new Process();
  await one.begin();
  const before = await one.succession.status();
  expect(await one.apply('iptables')).toMatchObject({ ok: true, warnings: [] });
  expect(one.said).toEqual([
    'open iptables-nft',
    'close nftables', // its last line demands what nobody proves any more
    'remove nftables beside iptables-nft',
  ]);
  expect(await isStanding({ run: one.xtables.run, tools: fakeTools })).toBe(true);
  await one.inForce();
  const { pid, startedAt, policy } = before;
  expect(await one.succession.status()).toMatchObject({
    backend: 'iptables-nft',
    drift: { kind: 'looked-for' },
    troubles: [],
    pid,
    startedAt,
    policy,
  });
  // the next start finds it remembered
  expect(one.host.rules).toContain('iptables');
  const [first, second] = one.host.guards;
  expect([first?.stopped, second?.stopped]).toEqual([true, false]);

  expect(await one.apply('nftables')).toMatchObject({ ok: true });
  expect(await one.succession.status()).toMatchObject({ backend: 'nftables' });
  expect(one.standing).toEqual(['nftables']);
  await one.succession.end();
  expect(one.said.at(-1)).toBe('close nftables');
});

test('the policy of the files comes into force with it, and can wait to be confirmed', async () => {
  const one = new Process();
  await one.begin();
  const { digest: before } = one.host.files;
  one.host.files = filesOf('none');
  const { digest } = one.host.files;
  const confirm = { until: Date.now() + 60_000, token: 't' };
  expect(await one.apply('iptables', { confirm })).toMatchObject({ ok: true, digest, pending: { digest } });
  expect(one.host.state).toMatchObject({ current: { digest }, previous: { digest: before }, pending: confirm });
  // and what goes back stays in it
  expect(await one.succession.rollback({ by: 'confirm-expired', token: 't' })).toMatchObject({
    ok: true,
    digest: before,
  });
  expect(await one.succession.status()).toMatchObject({ backend: 'iptables-nft', pending: null });
  await one.succession.end();
});

test('the backend that it holds with already is any apply', async () => {
  const one = new Process();
  await one.begin();
  one.host.files = filesOf('none');
  expect(await one.apply('nftables')).toMatchObject({ ok: true, digest: one.host.files.digest });
  expect(one.said).toEqual([]);
  await one.succession.end();
});

describe('what cannot take over changes nothing', () => {
  test.each([
    [
      'a command is missing',
      (one: Process) => (one.missing = 'ebtables is not installed on this host'),
      { code: 'backend-missing', message: 'ebtables is not installed on this host' },
    ],
    [
      'what runs is not known',
      (one: Process) => (one.host.engineAway = true),
      { code: 'engine-gone', message: 'the engine is away' },
    ],
  ])('where %s nothing even ends', async (_, spoil, refusal) => {
    const one = new Process();
    await one.begin();
    spoil(one);
    expect(await one.apply('iptables')).toEqual({ ok: false, ...refusal });
    expect(one.said).toEqual([]);
    expect(one.host.guard.stopped).toBe(false);
    expect(await one.succession.status()).toMatchObject({ backend: 'nftables' });
    await one.succession.end();
  });

  test('where the kernel refuses its rules the one before goes on, with the policy before', async () => {
    const one = new Process();
    await one.begin();
    const { digest } = one.host.files;
    one.host.files = filesOf('none');
    one.xtables.refusals = Number.POSITIVE_INFINITY;
    const answer = await one.apply('iptables');
    expect(answer).toMatchObject({
      ok: false,
      code: 'kernel-refused',
      message: expect.stringContaining('iptables-nft has not taken over from nftables: '),
    });
    expect(one.said).toEqual(['open iptables-nft', 'close nftables', 'close iptables-nft', 'open nftables']);
    await one.inForce();
    expect(await one.succession.status()).toMatchObject({ backend: 'nftables', policy: { digest }, filesDiffer: true });
    expect(one.host.state.current?.digest).toBe(digest);
    await one.succession.end();
  });

  test('where it cannot even begin, too; and where nobody can begin any more the process is told', async () => {
    const one = new Process();
    await one.begin();
    one.refusals = [new Error('no memory')];
    expect(await one.apply('iptables')).toMatchObject({ ok: false, message: expect.stringContaining('no memory') });
    await one.inForce();
    expect(await one.succession.status()).toMatchObject({ backend: 'nftables' });
    expect(one.failures).toEqual([]);

    const [first, second] = [new Error('no memory'), new Error('none at all')];
    one.refusals = [first, second];
    expect(await one.apply('iptables')).toMatchObject({ ok: false });
    expect(one.failures).toEqual([second]);
    await expect(one.succession.status()).rejects.toThrow('none at all');
  });
});

test('what was asked before is answered before, and what is asked meanwhile afterwards', async () => {
  const one = new Process();
  await one.begin();
  const before = one.host.files;
  one.host.files = filesOf('none');
  one.host.slowness = { ...one.host.slowness, files: 50 };
  const order: string[] = [];
  const noting = (what: string) => () => void order.push(what);
  await Promise.all([
    one.succession.reload().then(noting('reload')),
    one.apply('iptables').then(noting('apply')),
    one.succession.rollback({ by: 'rollback' }).then(noting('rollback')),
  ]);
  expect(order).toEqual(['reload', 'apply', 'rollback']);
  await one.inForce();
  expect(await one.succession.status()).toMatchObject({
    backend: 'iptables-nft',
    policy: { digest: before.digest, by: 'rollback' },
  });
  await one.succession.end();
});

test('it ends when a change that is under way is over, and begins none afterwards', async () => {
  const one = new Process();
  await one.begin();
  const changing = one.apply('iptables');
  await soon(() => expect(one.said).toContain('close nftables'));
  const ending = one.succession.end();
  const late = one.apply('nftables');
  expect((await changing).ok).toBe(true);
  await ending;
  expect(one.said.at(-1)).toBe('close iptables-nft');
  expect(await late).toMatchObject({ ok: false, code: 'ending' });
});

test.each([
  [null, 0],
  ['iptables', 0],
  ['nftables', 1],
] as const)(
  'a process that was started with --backend %s tells when its next start goes back',
  async (started, many) => {
    const one = new Process(started);
    await one.begin();
    const answer = await one.apply('iptables');
    expect(answer).toMatchObject({ ok: true });
    expect(answer.ok && answer.warnings.filter((text) => text.includes('its next start goes back'))).toHaveLength(many);
    await one.succession.end();
  },
);

test('questions before the first runs wait for it, and are told when it cannot', async () => {
  const one = new Process();
  const asked = one.succession.status();
  one.refusals = [new Error('no policy')];
  await expect(
    one.succession.begin(async () => ({ backend: tellingBackend('nftables', []), replaced: [] })),
  ).rejects.toThrow('no policy');
  await expect(asked).rejects.toThrow('no policy');
  expect(one.said).toEqual(['open nftables', 'close nftables']);
});
