/** What is kept of a JSON value while it comes: of what is not named here nothing is held, however long it is. */
export type Shape = 'plain' | Members | Entries;

/** An object, of which the members are kept that have a shape. */
export interface Members {
  readonly kind: 'members';
  readonly of: (key: string) => Shape | undefined;
  /** Of all the others so many are kept, the first ones. */
  readonly others: number;
  /** Those that count for none of the others. */
  readonly always: ReadonlySet<string>;
}

/** A list, of which the first entries are kept. */
export interface Entries {
  readonly kind: 'entries';
  readonly of: Shape;
  readonly most: number;
}

/** An object with these members and no others. */
export function object(shapes: Readonly<Record<string, Shape>>): Members {
  const byKey = new Map(Object.entries(shapes));
  return { kind: 'members', of: (key) => byKey.get(key), others: 0, always: new Set(byKey.keys()) };
}

/** An object whose members are called anything. */
export function map(of: Shape, most: number): Members {
  return { kind: 'members', of: () => of, others: most, always: new Set() };
}

export function list(of: Shape, most: number): Entries {
  return { kind: 'entries', of, most };
}

/** What the shape keeps of a value that is there already; one of another kind than its shape is an empty one of its kind. */
export function pruned(value: unknown, shape: Shape): unknown {
  if (Array.isArray(value)) {
    if (shape === 'plain' || shape.kind !== 'entries') return [];
    return value.slice(0, shape.most).map((one) => pruned(one, shape.of));
  }
  if (typeof value !== 'object' || value === null) return value;
  const kept: Record<string, unknown> = {};
  if (shape === 'plain' || shape.kind !== 'members') return kept;
  let others = 0;
  for (const [key, one] of Object.entries(value)) {
    const its = shape.of(key);
    if (its === undefined || (!shape.always.has(key) && ++others > shape.others)) continue;
    // not an assignment, which would not make a member of a key called "__proto__"
    if (key === '__proto__') Object.defineProperty(kept, key, { value: pruned(one, its), enumerable: true });
    else kept[key] = pruned(one, its);
  }
  return kept;
}
