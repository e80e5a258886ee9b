import { setIncludes } from '../ip/address-set.ts';
import { protocolNumbers } from '../ip/protocol.ts';
import { linkLocal6Set, multicastSet } from '../ip/registry.ts';
import { clauseMatches, type GroupAddresses, groupsOf, type Target } from '../ruleset/clause.ts';
import type { Clause, Program, Ruleset } from '../ruleset/ruleset.ts';
import type { Packet, Refusal, Step, Verdict } from './verdict.ts';

/**
 * What becomes of the first packet of a conversation, and why. One evaluator for everything: the kernel is held to it.
 *
 * @param now milliseconds since the epoch; clauses whose `until` has passed do not count
 * @throws Error when the packet's endpoint names a program that the ruleset does not have
 */
export function evaluate(ruleset: Ruleset, packet: Packet, now: number): Verdict {
  const { programs, groups } = lookups(ruleset);
  const program = programs.get(packet.from.program);
  if (program === undefined) throw new Error(`the ruleset has no program ${packet.from.program}`);
  const target = targetOf(ruleset, packet);
  const steps = judge(program, target, groups, now);
  const outcome = outcomeOf(steps);
  return { outcome, plane: target.plane, refusal: outcome === 'denied' ? refusalOf(ruleset, target) : null, steps };
}

/**
 * Where a packet is judged: on the host plane what is sent to an address of the host. What is sent to many is judged there
 * as well, for what the host hears of it; here it is what goes to the neighbours.
 */
export function targetOf(ruleset: Ruleset, packet: Pick<Packet, 'to' | 'protocol' | 'port'>): Target {
  const plane = setIncludes(ruleset.hostAddresses, packet.to) ? 'host' : 'forward';
  return { plane, address: packet.to, protocol: packet.protocol, port: packet.port };
}

/** policy.md, "What decides": guardrails, then denials, then permissions, then no. */
function judge(program: Program, target: Target, groups: GroupAddresses, now: number): readonly Step[] {
  const first = (list: readonly Clause[]) => list.find((clause) => clauseMatches(clause, target, groups, now));
  const steps: Step[] = [];
  const guard = first(program.guard);
  const exception = guard === undefined ? undefined : first(program.except);
  if (guard === undefined) steps.push({ kind: 'no-guardrail' });
  else steps.push({ kind: 'guardrail', clause: guard, exception: exception ?? null });
  if (guard !== undefined && exception === undefined) return steps;
  if (program.mode === 'off') return [...steps, { kind: 'mode', mode: 'off' }];

  const permission = permissionOf(program, first);
  steps.push(permission);
  if (permission.kind !== 'allow' && program.mode === 'audit') steps.push({ kind: 'mode', mode: 'audit' });
  return steps;
}

function permissionOf(program: Program, first: (list: readonly Clause[]) => Clause | undefined): Step {
  const deny = first(program.deny);
  if (deny !== undefined) return { kind: 'deny', clause: deny };
  const allow = first(program.allow);
  if (allow !== undefined) return { kind: 'allow', clause: allow };
  return { kind: 'nothing-allows', tried: program.allow, otherwise: program.otherwise };
}

function outcomeOf(steps: readonly Step[]): Verdict['outcome'] {
  const last = steps.at(-1);
  if (last?.kind === 'mode') return last.mode === 'audit' ? 'audited' : 'allowed';
  return last?.kind === 'allow' ? 'allowed' : 'denied';
}

/**
 * What the sender is told. Nothing answers for many (RFC 1122 section 3.2.2, RFC 4443 section 2.4 e), and between
 * neighbours' link-local addresses there is no router that could.
 */
function refusalOf(ruleset: Ruleset, { plane, address, protocol }: Target): Refusal {
  if (ruleset.denied === 'drop' || setIncludes(multicastSet, address)) return 'silence';
  if (ruleset.bridges.some(({ broadcasts }) => setIncludes(broadcasts, address))) return 'silence';
  if (plane === 'forward' && setIncludes(linkLocal6Set, address)) return 'silence';
  return protocol === protocolNumbers.tcp ? 'reset' : 'icmp-error';
}

interface Lookups {
  readonly programs: ReadonlyMap<string, Program>;
  readonly groups: GroupAddresses;
}

const known = new WeakMap<Ruleset, Lookups>();

function lookups(ruleset: Ruleset): Lookups {
  let found = known.get(ruleset);
  if (found === undefined) {
    found = { programs: new Map(ruleset.programs.map((program) => [program.id, program])), groups: groupsOf(ruleset) };
    known.set(ruleset, found);
  }
  return found;
}
