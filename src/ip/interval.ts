/** A closed interval of integers; both ends are inside. Lists of them are kept sorted, disjoint and not touching. */
export interface Interval<N extends bigint | number = bigint> {
  readonly low: N;
  readonly high: N;
}

const next = (value: bigint): bigint => value + 1n;

/** Any intervals, in any order, as a sorted list of disjoint ones that do not touch. */
export function normalise(intervals: readonly Interval[]): readonly Interval[] {
  const sorted = intervals.toSorted((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0));
  const merged: { low: bigint; high: bigint }[] = [];
  for (const { low, high } of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && low <= next(last.high)) {
      if (high > last.high) last.high = high;
    } else {
      merged.push({ low, high });
    }
  }
  return merged;
}

/** What is in `a` and in `b`; both lists normalised. */
export function intersect(a: readonly Interval[], b: readonly Interval[]): readonly Interval[] {
  const result: Interval[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const left = a[i] as Interval;
    const right = b[j] as Interval;
    const low = left.low > right.low ? left.low : right.low;
    const high = left.high < right.high ? left.high : right.high;
    if (low <= high) result.push({ low, high });
    if (left.high < right.high) i++;
    else j++;
  }
  return result;
}

/** What is in `a` and not in `b`; both lists normalised. */
export function subtract(a: readonly Interval[], b: readonly Interval[]): readonly Interval[] {
  const result: Interval[] = [];
  let j = 0;
  for (const { low, high } of a) {
    let from = low;
    while (j < b.length && (b[j] as Interval).high < from) j++;
    for (let k = j; k < b.length && (b[k] as Interval).low <= high; k++) {
      const cut = b[k] as Interval;
      if (cut.low > from) result.push({ low: from, high: cut.low - 1n });
      from = next(cut.high);
    }
    if (from <= high) result.push({ low: from, high });
  }
  return result;
}

/** Whether a value lies in one of the intervals (normalised list; binary search). */
export function includes(intervals: readonly Interval[], value: bigint): boolean {
  let from = 0;
  let to = intervals.length - 1;
  while (from <= to) {
    const middle = (from + to) >> 1;
    const { low, high } = intervals[middle] as Interval;
    if (value < low) to = middle - 1;
    else if (value > high) from = middle + 1;
    else return true;
  }
  return false;
}
