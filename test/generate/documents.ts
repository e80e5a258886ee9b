import fc from 'fast-check';
import {
  type EntryDocument,
  entryDocument,
  groupNames,
  loners,
  type Place,
  projects,
  services,
  type WhoKind,
  whoKinds,
} from './entries.ts';

/** A policy file as a value; JSON is YAML, so `JSON.stringify` writes it. */
export interface PolicyDocument {
  readonly version: 1;
  readonly defaults: Readonly<Record<string, string>>;
  readonly groups?: Readonly<Record<string, readonly EntryDocument[]>>;
  readonly guardrails?: { readonly deny: readonly EntryDocument[]; readonly except?: readonly ExceptionDocument[] };
  readonly projects?: Readonly<
    Record<string, BlockDocument & { readonly services?: Readonly<Record<string, BlockDocument>> }>
  >;
  readonly containers?: Readonly<Record<string, BlockDocument>>;
}

/** The long form of an entry, with `from`. */
export type ExceptionDocument = Exclude<EntryDocument, string> & { readonly from: string };

export interface BlockDocument {
  readonly mode?: string;
  readonly allow: readonly EntryDocument[] | 'any' | 'none';
  readonly deny?: readonly EntryDocument[];
}

/** In one of `of` cases; else undefined. */
const sometimes = <Value>(arbitrary: fc.Arbitrary<Value>, of: number): fc.Arbitrary<Value | undefined> =>
  fc.oneof({ weight: of - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

const outsideCompose = whoKinds.filter((kind) => kind !== 'service');
const inGroup = whoKinds.filter((kind) => !['service', 'group', 'any', 'dns'].includes(kind));
const inDeny: readonly WhoKind[] = outsideCompose.filter((kind) => kind !== 'any');
const mode = sometimes(
  fc.oneof(
    { weight: 5, arbitrary: fc.constant('enforce') },
    { weight: 2, arbitrary: fc.constant('audit') },
    { weight: 1, arbitrary: fc.constant('off') },
  ),
  2,
);
const withUntil = (entry: EntryDocument): fc.Arbitrary<EntryDocument> =>
  typeof entry === 'string'
    ? fc.constant(entry)
    : sometimes(fc.constantFrom('2026-12-31', '2099-01-01'), 8).map((until) => defined({ ...entry, until }));

/** Without the keys that are undefined: the file would have `null` there. */
function defined<Value extends object>(value: { readonly [Key in keyof Value]: Value[Key] | undefined }): Value {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as Value;
}

function blockDocument(place: Place): fc.Arbitrary<BlockDocument> {
  const entry = entryDocument(place).chain(withUntil);
  const deny = entryDocument({ ...place, kinds: place.kinds.filter((kind) => kind !== 'any') });
  return fc
    .record({
      mode,
      allow: fc.oneof(
        { weight: 8, arbitrary: fc.array(entry, { minLength: 1, maxLength: 5 }) },
        { weight: 1, arbitrary: fc.constantFrom('any' as const, 'none' as const) },
      ),
      deny: sometimes(fc.array(deny, { minLength: 1, maxLength: 2 }), 4),
    })
    .map((block) => defined<BlockDocument>(block));
}

const subsetOf = <Value>(values: readonly Value[], minLength = 0) => fc.subarray([...values], { minLength });

function record<Key extends string, Value>(
  keys: readonly Key[],
  of: (key: Key) => fc.Arbitrary<Value>,
): fc.Arbitrary<Readonly<Record<string, Value>>> {
  return fc.tuple(...keys.map((key) => of(key).map((value) => [key, value] as const))).map(Object.fromEntries);
}

const defaults = fc
  .record({
    unmanaged: sometimes(fc.constantFrom('allow', 'audit', 'deny'), 2),
    labels: sometimes(fc.constantFrom('trusted', 'narrow', 'ignore'), 4),
    denied: sometimes(fc.constantFrom('reject', 'drop'), 4),
    build: sometimes(fc.constantFrom('allow', 'deny'), 4),
  })
  .map((value) => defined<Record<string, string>>(value));

type GuardrailsDocument = NonNullable<PolicyDocument['guardrails']>;

function guardrailsDocument(groups: readonly string[]): fc.Arbitrary<GuardrailsDocument> {
  return fc
    .array(entryDocument({ kinds: inDeny, groups }), { minLength: 1, maxLength: 2 })
    .chain((deny) =>
      sometimes(fc.array(exceptionDocument(deny, groups), { minLength: 1, maxLength: 3 }), 2).map((except) =>
        defined<GuardrailsDocument>({ deny, except }),
      ),
    );
}

/** Mostly from one of the denials, whole or at other ports, since two entries drawn apart seldom meet. */
function exceptionDocument(deny: readonly EntryDocument[], groups: readonly string[]): fc.Arbitrary<ExceptionDocument> {
  const entry = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...deny) },
    { weight: 2, arbitrary: fc.constantFrom(...deny).map((one) => (typeof one === 'string' ? one : one.to)) },
    { weight: 2, arbitrary: entryDocument({ kinds: inDeny, groups }) },
  );
  return fc
    .record({
      from: fc.constantFrom('app/web', 'app/*', '*/*', 'shop/*', '*/db', 'container/portainer', 'container/*'),
      entry,
      until: sometimes(fc.constantFrom('2026-12-31', '2099-01-01'), 3),
    })
    .map(({ from, entry: one, until }) =>
      defined<ExceptionDocument>({ from, ...(typeof one === 'string' ? { to: one } : one), until }),
    );
}

/** Policies that read without an error. */
export const policyDocument: fc.Arbitrary<PolicyDocument> = subsetOf(groupNames).chain((groups) =>
  fc
    .record({
      version: fc.constant(1 as const),
      defaults,
      groups: record(groups, () =>
        fc.array(entryDocument({ kinds: inGroup, groups: [] }), { minLength: 1, maxLength: 3 }),
      ),
      guardrails: sometimes(guardrailsDocument(groups), 2),
      projects: subsetOf([...projects, '*'], 1).chain((names) =>
        record(names, (name) =>
          fc
            .tuple(
              blockDocument({ kinds: whoKinds, groups }),
              // of two blocks each more specific in one half of the name neither wins, and that is an error
              subsetOf(name === '*' ? ['w*'] : [...services, 'w*']).chain((those) =>
                record(those, () => blockDocument({ kinds: whoKinds, groups })),
              ),
            )
            .map(([block, its]) => (Object.keys(its).length > 0 ? { ...block, services: its } : block)),
        ),
      ),
      containers: subsetOf([...loners, 'legacy-*']).chain((names) =>
        record(names, () => blockDocument({ kinds: outsideCompose, groups })),
      ),
    })
    .map(({ groups: of, containers, guardrails, ...rest }) =>
      defined<PolicyDocument>({
        ...rest,
        groups: Object.keys(of).length > 0 ? of : undefined,
        containers: Object.keys(containers).length > 0 ? containers : undefined,
        guardrails,
      }),
    ),
);
