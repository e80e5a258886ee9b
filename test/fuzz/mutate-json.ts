import type { Random } from '../agreement/random.ts';

/** Values that a lying writer puts where another is due. */
const lies: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  2 ** 53,
  4_294_967_296,
  1.5,
  '',
  '-1',
  '\u0000',
  '\u001b[31m',
  '\ud800',
  '__proto__',
  '../../etc',
  '0.0.0.0/0',
  '::/0',
  '255.255.255.255',
  '10.0.0.0/33',
  '172.17.0.2',
  '02:42:ac:11:00:02',
  'ff:ff:ff:ff:ff:ff',
  'host',
  'container:self',
  '65536',
  'x'.repeat(70_000),
  [],
  {},
  [[]],
  [null],
  { '': null },
  JSON.parse('{"__proto__": {"a": 1}, "constructor": "x"}') as unknown,
];

/**
 * A JSON value with one to five places of it changed: another value there, one from elsewhere in it or in `others`, a key
 * gone or renamed, an item many times.
 */
export function mutateJson(random: Random, value: unknown, others: readonly unknown[] = []): unknown {
  let changed = structuredClone(value);
  for (let count = random.between(1, 5); count > 0; count--) {
    const places = placesOf(changed);
    const one = random.pick(places);
    if (one === undefined || random.next() < 0.02) {
      changed = structuredClone(random.pick(lies));
      continue;
    }
    change(random, one, places, others);
  }
  return changed;
}

interface Place {
  readonly holder: Record<string, unknown> | unknown[];
  readonly key: string | number;
}

function placesOf(value: unknown): readonly Place[] {
  const places: Place[] = [];
  const visit = (holder: unknown): void => {
    if (typeof holder !== 'object' || holder === null || places.length > 20_000) return;
    if (Array.isArray(holder)) {
      holder.forEach((item, key) => {
        places.push({ holder, key });
        visit(item);
      });
      return;
    }
    for (const [key, item] of Object.entries(holder)) {
      places.push({ holder: holder as Record<string, unknown>, key });
      visit(item);
    }
  };
  visit(value);
  return places;
}

function change(random: Random, { holder, key }: Place, places: readonly Place[], others: readonly unknown[]): void {
  const at = holder as Record<string | number, unknown>;
  const set = (value: unknown) =>
    Object.defineProperty(at, key, { value, enumerable: true, writable: true, configurable: true });
  switch (random.between(0, 5)) {
    case 0:
    case 1:
      return void set(structuredClone(random.pick(lies)));
    case 2: {
      const from = random.pick(others.length > 0 && random.next() < 0.3 ? placesOf(random.pick(others)) : places);
      return void (
        from === undefined || set(structuredClone((from.holder as Record<string | number, unknown>)[from.key]))
      );
    }
    case 3:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      return;
    case 4: {
      const isShort = JSON.stringify(at[key])?.length < 5_000; // a thousand of a thousand fit no text
      const times = isShort ? random.pick([1, 2, 50, 1_000] as const) : 1;
      for (let count = 0; count < times; count++)
        if (Array.isArray(holder)) holder.push(structuredClone(at[key]));
        else holder[`${key}${count}`] = structuredClone(at[key]);
      return;
    }
    case 5:
      if (Array.isArray(holder)) holder.reverse();
      else {
        holder[random.pick(['__proto__x', '', 'sluice.allow', 'Id', key.toString().toUpperCase()] as const)] = at[key];
        delete holder[key];
      }
  }
}
