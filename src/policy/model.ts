import type { Prefix } from '../ip/prefix.ts';
import type { L4Match } from '../ip/protocol.ts';
import type { SourceRef } from './source.ts';

/** Groups that need no definition; docs/policy.md says what each contains. */
export const builtinGroups = [
  'same-project',
  'same-network',
  'containers',
  'host',
  'gateway',
  'dns',
  'cloud-metadata',
  'private',
  'internet',
  'multicast',
] as const;
export type BuiltinGroup = (typeof builtinGroups)[number];

/** A project, service or container name in which `*` stands for any run of characters. */
export interface NamePattern {
  readonly text: string;
  /** Whether `text` has a `*`. */
  readonly wild: boolean;
}

/** Who a destination is. */
export type Who =
  | { readonly kind: 'prefix'; readonly prefix: Prefix }
  | { readonly kind: 'name'; readonly name: string; readonly wildcard: boolean }
  | { readonly kind: 'service'; readonly service: string }
  | { readonly kind: 'workload'; readonly project: NamePattern; readonly service: NamePattern | null }
  | { readonly kind: 'container'; readonly name: NamePattern }
  /** By its engine name; `composeKey` when it was written as a key of the compose file's networks. */
  | { readonly kind: 'network'; readonly name: string; readonly composeKey: boolean }
  | { readonly kind: 'builtin'; readonly group: BuiltinGroup }
  | { readonly kind: 'group'; readonly name: string }
  | { readonly kind: 'any' };

/** One entry of an allow, deny or group list. */
export interface Destination {
  readonly who: readonly Who[];
  readonly l4: L4Match;
  /** Last instant it counts, milliseconds since the epoch: the end of the UTC day that was written. */
  readonly until?: number;
  readonly reason?: string;
  readonly source: SourceRef;
}

export type AllowItem =
  | { readonly kind: 'inherit'; readonly source: SourceRef }
  | { readonly kind: 'destination'; readonly destination: Destination };

/** An allow list; `none` and `[]` differ in the language, `items` is empty for `none` only. */
export interface AllowList {
  readonly items: readonly AllowItem[];
  readonly source: SourceRef;
}

export type Mode = 'enforce' | 'audit' | 'off';

/** What one level (project, service, network, container) says. Absent means the level is silent on it. */
export interface Block {
  readonly mode?: Mode;
  readonly modeSource?: SourceRef;
  readonly allow?: AllowList;
  readonly deny?: readonly Destination[];
  readonly source: SourceRef;
}

export interface ServiceBlock extends Block {
  readonly pattern: NamePattern;
}

export interface ProjectBlock extends Block {
  readonly pattern: NamePattern;
  readonly services: readonly ServiceBlock[];
}

export interface ContainerBlock extends Block {
  readonly pattern: NamePattern;
}

/** What the `x-sluice` blocks of one compose file say. */
export interface ComposePolicy {
  readonly file: string;
  /** Compose's project name: `name:` of the file, else the folder's name as Compose normalises it. */
  readonly project: string;
  readonly top?: Block;
  readonly services: ReadonlyMap<string, Block>;
  /** By Compose key, with the engine's name (`PROJECT_KEY`, or the network's `name:`). */
  readonly networks: ReadonlyMap<string, Block & { readonly engineName: string }>;
}

export interface Defaults {
  readonly unmanaged: 'allow' | 'audit' | 'deny';
  readonly denied: 'reject' | 'drop';
  readonly labels: 'trusted' | 'narrow' | 'ignore';
  readonly unknownBridge: 'allow' | 'deny';
  readonly build: 'allow' | 'deny';
}

export interface Group {
  readonly name: string;
  readonly members: readonly Destination[];
  readonly source: SourceRef;
}

/** `PROJECT/SERVICE` (either may be a pattern) or `container/NAME`. */
export type WorkloadSelector =
  | { readonly kind: 'service'; readonly project: NamePattern; readonly service: NamePattern }
  | { readonly kind: 'container'; readonly name: NamePattern };

export interface GuardrailException {
  readonly from: readonly WorkloadSelector[];
  readonly to: Destination;
  readonly reason?: string;
  readonly until?: number;
  readonly source: SourceRef;
}

export interface Guardrails {
  readonly deny: readonly Destination[];
  readonly except: readonly GuardrailException[];
}

export interface PolicyTest {
  readonly from: WorkloadSelector;
  readonly allow: readonly Destination[];
  readonly deny: readonly Destination[];
  readonly source: SourceRef;
}

/** A whole policy, from the policy file, policy.d and the compose files it trusts; labels come with the world. */
export interface Policy {
  readonly defaults: Defaults;
  readonly groups: ReadonlyMap<string, Group>;
  readonly guardrails: Guardrails;
  readonly projects: readonly ProjectBlock[];
  readonly containers: readonly ContainerBlock[];
  readonly compose: readonly ComposePolicy[];
  readonly tests: readonly PolicyTest[];
}
