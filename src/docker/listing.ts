import type { ContainerList, ContainerSummary, EngineApi, UnreadableContainer } from './engine-api.ts';

/** Bytes of a list that is read whole at each event, however few containers it is of: some 5 ms. */
export const shortList = 1 << 20;
/**
 * So many containers are asked for by their ids at once; of more the whole list is read. Of a long list that is dear: an
 * engine gives some 300 MB of it in a second, and the ids of so many are an address of 73 kB, of which it takes a megabyte.
 */
export const fewIds = { ofShort: 50, ofLong: 1_000 } as const;
/** Questions to which the ids of one reading are spread, so that a long answer holds up few others. */
const spread = 16;
/** Milliseconds that a reading waits for a part of a long list: whoever says much of himself is late, and nobody else. */
const patience = 50;

/** A question about a part of a long list, which may be answered after the reading that asked it. */
interface Question {
  readonly number: number;
  readonly ids: readonly string[] | 'all';
  /** Ids about which newer questions were answered before it. */
  readonly overtaken: Set<string>;
}

/** The engine's list of containers, kept, and read anew where it may have changed. */
export class Listing {
  readonly #api: EngineApi;
  readonly #onLate: () => void;
  readonly #small: number;
  #containers: ReadonlyMap<string, ContainerSummary> = new Map();
  #unreadable: ReadonlyMap<string, UnreadableContainer> = new Map();
  /** Length of the list when it was last read whole. */
  #bytes = 0;
  #asking = new Set<Question>();
  #number = 0;
  /** To be asked for at the next reading: something has happened to them since they were asked for, or it failed. */
  #again = new Set<string>();

  /**
   * @param onLate a part of a long list has come after the reading that asked for it, and says something new
   * @param small of so many containers the list is read whole each time, where it is not long all the same
   */
  constructor(api: EngineApi, onLate: () => void, small: number) {
    this.#api = api;
    this.#onLate = onLate;
    this.#small = small;
  }

  get containers(): ReadonlyMap<string, ContainerSummary> {
    return this.#containers;
  }

  /** Those of which it says more than is read. */
  get unreadable(): readonly UnreadableContainer[] {
    return [...this.#unreadable.values()];
  }

  /** Containers about which an answer, that a reading did not wait for, is still to come. */
  get asking(): ReadonlySet<string> {
    return new Set([...this.#again, ...[...this.#asking].flatMap(({ ids }) => (ids === 'all' ? [] : ids))]);
  }

  /**
   * Reads what may have changed. Of a long list the answer is not waited for for long: until it comes, a container is as
   * it was.
   *
   * @param all whether any may have: after a gap none of what is known counts, on a timer it counts until it is known anew
   * @throws EngineError
   */
  async read(doubted: ReadonlySet<string>, all: 'after a gap' | 'on a timer' | 'no'): Promise<void> {
    const ids = doubted.union(this.#again);
    const isLong = this.#bytes > shortList;
    const isMany = ids.size > (isLong ? fewIds.ofLong : fewIds.ofShort);
    if (all === 'after a gap' || (!isLong && (all !== 'no' || this.#containers.size <= this.#small)) || isMany) {
      await this.#readWhole(ids);
      return;
    }
    if (isLong) return this.#readLong(ids, all === 'on a timer');
    if (ids.size === 0) return;
    this.#again = new Set(ids);
    const question = this.#question([...ids]);
    this.#take(question, await this.#api.containers([...ids]));
    this.#again = new Set();
  }

  async #readWhole(ids: ReadonlySet<string>): Promise<void> {
    this.#asking = new Set(); // what they ask is asked now
    this.#again = new Set(ids);
    const question = this.#question('all');
    this.#take(question, await this.#api.containers());
    this.#again = new Set();
  }

  #question(ids: readonly string[] | 'all'): Question {
    return { number: ++this.#number, ids, overtaken: new Set() };
  }

  async #readLong(ids: ReadonlySet<string>, all: boolean): Promise<void> {
    const underWay = new Set([...this.#asking].flatMap(({ ids: asked }) => (asked === 'all' ? [] : asked)));
    this.#again = ids.intersection(underWay);
    const now = [...ids.difference(underWay)];
    const size = Math.ceil(now.length / spread);
    const parts = Array.from({ length: Math.min(spread, now.length) }, (_, at) =>
      now.slice(at * size, (at + 1) * size),
    );
    const whole = all && ![...this.#asking].some(({ ids: asked }) => asked === 'all');
    const questions = [...parts.filter((part) => part.length > 0), ...(whole ? (['all'] as const) : [])];
    if (questions.length === 0) return;
    const waiting = { for: true };
    const answered = Promise.all(questions.map((asked) => this.#ask(asked, waiting)));
    const { promise: tired, resolve: tire } = Promise.withResolvers<void>();
    const timer = setTimeout(tire, patience);
    try {
      await Promise.race([answered, tired]);
    } finally {
      waiting.for = false;
      clearTimeout(timer);
      answered.catch(() => {}); // what fails from now on is asked again
    }
  }

  async #ask(ids: readonly string[] | 'all', waiting: { readonly for: boolean }): Promise<void> {
    const question = this.#question(ids);
    this.#asking.add(question);
    try {
      const answer = await this.#api.containers(ids === 'all' ? undefined : ids);
      if (!this.#asking.delete(question)) return;
      const isNew = this.#take(question, answer);
      const isAgain = ids !== 'all' && ids.some((id) => this.#again.has(id));
      if (!waiting.for && (isNew || isAgain)) this.#onLate();
    } catch (error) {
      if (this.#asking.delete(question) && ids !== 'all') this.#again = this.#again.union(new Set(ids));
      throw error;
    }
  }

  /** Takes in an answer; whether it says something new. */
  #take({ number, ids, overtaken }: Question, { containers, unreadable, bytes }: ContainerList): boolean {
    const asked = ids === 'all' ? [...this.#containers.keys(), ...this.#unreadable.keys()] : ids;
    const replaced = new Set(asked).difference(overtaken);
    const [before, unreadableBefore] = [this.#containers, this.#unreadable];
    const kept = <One extends { readonly id: string }>(known: ReadonlyMap<string, One>, answer: readonly One[]) =>
      new Map([
        ...[...known].filter(([id]) => !replaced.has(id)),
        ...answer.flatMap((one) => (overtaken.has(one.id) ? [] : [[one.id, one] as const])),
      ]);
    this.#containers = kept(before, containers);
    this.#unreadable = kept(unreadableBefore, unreadable);
    if (ids === 'all') this.#bytes = bytes;
    for (const older of this.#asking)
      if (older.number < number) for (const id of ids === 'all' ? older.ids : ids) older.overtaken.add(id);
    return !isSame(before, this.#containers) || !isSame(unreadableBefore, this.#unreadable, 'by id');
  }
}

function isSame<One>(before: ReadonlyMap<string, One>, now: ReadonlyMap<string, One>, by?: 'by id'): boolean {
  if (before.size !== now.size) return false;
  return [...now].every(([id, one]) => (by === undefined ? before.get(id) === one : before.has(id)));
}
