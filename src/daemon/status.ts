import type { Status, Trouble, WorkloadStatus } from '../control/protocol.ts';
import { whoCanUndo } from '../doctor/undoing.ts';
import { codes } from '../policy/codes.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import { enforcedContainers } from '../ruleset/enforced.ts';
import type { Program, Ruleset } from '../ruleset/ruleset.ts';
import { indexWorld } from '../ruleset/world-index.ts';
import { workloadName } from '../world/workload.ts';
import type { World } from '../world/world.ts';
import type { InForce } from './policy-in-force.ts';

/** Since when each workload is judged as it is. */
export type WorkloadAges = ReadonlyMap<string, { readonly programs: readonly Program[]; readonly since: number }>;

export interface StatusFacts {
  readonly inForce: InForce;
  /** Digest of the policy's files now; null when they cannot be read. */
  readonly files: string | null;
  /** What was put into the kernel last; null before the first time. */
  readonly now: {
    readonly world: World;
    readonly ruleset: Ruleset;
    readonly diagnostics: readonly Diagnostic[];
  } | null;
  readonly ages: WorkloadAges;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly startedAt: number;
  /** Whether the guard has begun to listen. */
  readonly guarded: boolean;
  readonly troubles: readonly Trouble[];
  readonly repairs: Status['repairs'];
  readonly pending: Status['pending'];
  readonly lastLine: Status['lastLine'];
  readonly counts: Status['counts'];
  readonly pauses: Status['pauses'];
  readonly engine: string;
  readonly backend: Status['backend'];
  readonly narrower: Status['narrower'];
  readonly drift: Status['drift'];
}

/** What `sluice status` is told. */
export function statusOf(facts: StatusFacts): Status {
  const { inForce, now } = facts;
  const record = inForce.record;
  const workloads = now === null ? [] : workloadsOf(now.ruleset, now.world, facts.ages);
  return {
    version: 1,
    state: stateOf(facts, workloads),
    troubles: facts.troubles,
    pid: process.pid,
    startedAt: facts.startedAt,
    backend: facts.backend,
    drift: facts.drift,
    lastLine: facts.lastLine,
    engine: now === null ? null : { version: now.world.engine.version, address: facts.engine },
    // what was chosen is in force once the kernel holds it and newcomers are seen
    policy:
      record === null || now === null || !facts.guarded
        ? null
        : { digest: record.digest, since: record.since, by: record.by },
    filesDiffer: facts.files === null ? null : facts.files !== record?.digest,
    workloads,
    unnamed: now === null ? [] : unnamedOf(now.ruleset),
    refused: now === null ? [] : refusedOf(now.diagnostics),
    unheld: (now?.ruleset.unheld ?? []).map(({ workload, container, reason, fix, cutOff }) => ({
      workload,
      container: container.name,
      reason,
      fix,
      cutOff,
    })),
    canUndo: now === null ? [] : whoCanUndo(enforcedContainers(now.ruleset, now.world)),
    narrower: facts.narrower,
    repairs: facts.repairs,
    pending: facts.pending,
    counts: facts.counts,
    pauses: facts.pauses,
  };
}

/** What is in trouble is degraded; where nothing is enforced and something audited, it is an audit. */
function stateOf({ now, troubles }: StatusFacts, workloads: readonly WorkloadStatus[]): Status['state'] {
  if (troubles.length > 0 || now === null) return 'degraded';
  const modes = new Set(workloads.map(({ mode }) => mode));
  return modes.has('audit') && !modes.has('enforce') ? 'audit' : 'enforcing';
}

/** The ages as of now: a workload whose programs are others than before is as old as this moment. */
export function agesOf(ruleset: Ruleset, before: WorkloadAges, at: number): WorkloadAges {
  const byWorkload = Map.groupBy(ruleset.programs, ({ workload }) => workload);
  return new Map(
    [...byWorkload].map(([workload, programs]) => {
      const known = before.get(workload);
      const isSame =
        known?.programs.length === programs.length && known.programs.every((program, at) => program === programs[at]);
      return [workload, isSame ? known : { programs, since: at }];
    }),
  );
}

function workloadsOf(ruleset: Ruleset, world: World, ages: WorkloadAges): readonly WorkloadStatus[] {
  const composed = new Map(
    indexWorld(world).containers.map((container) => [workloadName(container), container] as const),
  );
  const running = new Map<string, Set<string>>();
  for (const { workload, container } of ruleset.endpoints)
    running.set(workload, (running.get(workload) ?? new Set()).add(container.id));
  return ruleset.programs
    .filter(({ standing }) => standing === 'named' || standing === 'refused')
    .filter(({ workload }, at, all) => all.findIndex((one) => one.workload === workload) === at)
    .map(({ workload, mode }) => {
      const container = composed.get(workload);
      return {
        project: container !== undefined && container.service !== null ? container.project : null,
        name: container?.service ?? container?.name ?? workload,
        mode,
        containers: running.get(workload)?.size ?? 0,
        since: ages.get(workload)?.since ?? 0,
      };
    });
}

function unnamedOf({ endpoints, programs }: Ruleset): readonly string[] {
  const unmanaged = new Set(programs.filter(({ standing }) => standing === 'unmanaged').map(({ id }) => id));
  return [...new Set(endpoints.filter(({ program }) => unmanaged.has(program)).map(({ container }) => container.name))];
}

/** What labels, x-sluice and shared networks are wrong about: who has them is closed. What cannot be held stands apart. */
export function refusedOf(diagnostics: readonly Diagnostic[]): Status['refused'] {
  return diagnostics
    .filter(({ severity, code }) => severity === 'error' && code !== codes.notEnforceable.code)
    .map(({ source, message, fix }) => ({
      workload: source.line === 0 ? source.file : `${source.file}:${source.line}`,
      message: fix === undefined ? message : `${message}; ${fix}`,
    }));
}
