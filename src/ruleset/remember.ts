/** A place for what was computed: a map, or a weak one for what counts as long as its key is there. */
interface Place<Key, Value> {
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): unknown;
}

/** What `compute` gives, once for each key that `known` still has. */
export function remember<Key, Value>(known: Place<Key, Value>, compute: (key: Key) => Value): (key: Key) => Value {
  return (key) => {
    let value = known.get(key);
    if (value === undefined) {
      value = compute(key);
      known.set(key, value);
    }
    return value;
  };
}
