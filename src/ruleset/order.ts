/** An order by texts, by code units: the same on every machine. */
export function by<Item>(keyOf: (item: Item) => string): (a: Item, b: Item) => number {
  return (a, b) => {
    const [left, right] = [keyOf(a), keyOf(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  };
}

/** One item for each key, the last, in the order of the keys. */
export function sortUnique<Item>(items: readonly Item[], keyOf: (item: Item) => string): readonly Item[] {
  const byKey = new Map(items.map((item) => [keyOf(item), item]));
  return [...byKey.entries()].toSorted(by(([key]) => key)).map(([, item]) => item);
}
