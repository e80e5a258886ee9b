import { isDeepStrictEqual } from 'node:util';
import type { Seen } from './containers.ts';
import type { ContainerDetails, ContainerSummary, EngineApi } from './engine-api.ts';
import { EngineError } from './engine-error.ts';

/** What is known of one container besides its entry in the list. */
interface Entry {
  /** The newest answer, to which question it was, and what the list said when that was asked. */
  answer: Answer | null;
  /** The question under way whose answer will be fresh; null when there is none, or something has happened since. */
  asking: Question | null;
  /** Whether nothing has happened since the answer was asked for. */
  fresh: boolean;
  /** Whether the last question was not answered in time, and nothing has happened since. */
  hangs: boolean;
  /** The answer, brought up to what the list says by now; see {@link bringUp}. */
  broughtUp: { readonly details: ContainerDetails; readonly to: ContainerSummary } | null;
}

interface Answer {
  readonly number: number;
  readonly details: Known;
  readonly at: ContainerSummary;
}

interface Question {
  readonly number: number;
  readonly summary: ContainerSummary;
  readonly entry: Entry;
  /** Whether a reading waits for the answer; one that came in vain does not hold up the next one too. */
  awaited: boolean;
  done: boolean;
  error: Error | null;
}

type Known = ContainerDetails | 'gone' | 'unreadable';

/** Questions at once: each may hang for as long as its container takes to start. */
const parallel = 64;
/** Milliseconds that a reading waits: the engine answers at once, or not before a container has started or ended. */
const patience = 25;
/** The same where the list says enough of everybody, and an answer that comes late is taken in when it comes. */
const haste = 12;
/** So often that long without any answer, for running containers of which nothing is known yet. */
const longPatience = 10;
/** So many running containers that do not answer mean an engine that hangs, not containers that are being started. */
const mostBusy = 32;

/**
 * Inspects of containers, kept while nothing has happened to them. The engine does not answer about a container while it
 * starts it, so an answer that is late is kept when it comes, and `onLate` told where it says something new: of a container
 * that is doubted at every reading a slow engine would else make one reading follow the other for ever.
 */
export class Inspections {
  readonly #api: EngineApi;
  readonly #onLate: () => void;
  readonly #entries = new Map<string, Entry>();
  readonly #queue: Question[] = [];
  #running = 0;
  #number = 0;
  #answers = 0;
  #first = true;
  #onAnswer: (question: Question) => void = () => {};

  constructor(api: EngineApi, onLate: () => void) {
    this.#api = api;
    this.#onLate = onLate;
  }

  /** Something happened to it: what is known, or being asked now, may not be so any more. */
  doubt(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) doubtful(entry);
  }

  doubtAll(): void {
    for (const entry of this.#entries.values()) doubtful(entry);
  }

  /** Containers of which an answer is still to come. */
  underWay(): ReadonlySet<string> {
    return new Set([...this.#entries].flatMap(([id, { asking }]) => (asking === null ? [] : [id])));
  }

  /** Forgets containers that the list does not name any more. */
  keepOnly(listed: ReadonlyMap<string, ContainerSummary>): void {
    for (const id of this.#entries.keys()) if (!listed.has(id)) this.#entries.delete(id);
  }

  /**
   * Asks about every container that is not known as the list has it, and waits for the answers, but not for long.
   *
   * @returns whether each running container has been answered for
   * @throws EngineError where the engine refuses, or answers about hardly any
   */
  async refresh(listed: readonly ContainerSummary[]): Promise<boolean> {
    const asked = listed.flatMap((summary) => this.#question(summary) ?? []);
    // running ones first: the answers about the others may be long in coming
    this.#queue.unshift(...asked.filter(isNeeded));
    this.#queue.push(...asked.filter((question) => !isNeeded(question)));
    this.#pump();
    await this.#wait(
      asked.filter(({ entry }) => !entry.hangs),
      this.#first ? longPatience : 1,
    );
    if (this.#unanswered(listed).length > mostBusy)
      await this.#wait(
        this.#unanswered(listed).flatMap(({ asking }) => asking ?? []),
        longPatience,
      );
    const failed = asked.find(({ error }) => error !== null);
    if (failed?.error) throw failed.error;
    const unanswered = this.#unanswered(listed).length;
    if (unanswered > mostBusy)
      throw new EngineError(
        'unreachable',
        `the engine lists its containers, but does not answer about ${unanswered} of them: restart it (systemctl restart docker)`,
      );
    this.#first = false;
    return unanswered === 0;
  }

  /** What is known of a listed container; undefined for one that was removed meanwhile. */
  seen(summary: ContainerSummary): Seen | undefined {
    const details = knownOf(this.#entries.get(summary.id), summary);
    if (details === 'gone') return undefined;
    if (details === undefined || details === 'unreadable') return { kind: 'summary', details: summary };
    return { kind: 'details', details };
  }

  /** A question to ask, unless the answer is known or under way. */
  #question(summary: ContainerSummary): Question | undefined {
    let entry = this.#entries.get(summary.id);
    if (entry === undefined) {
      entry = { answer: null, asking: null, fresh: false, hangs: false, broughtUp: null };
      this.#entries.set(summary.id, entry);
    }
    if (entry.fresh && stands(entry, summary) && entry.answer?.details !== 'gone') return undefined;
    if (entry.asking !== null && isSame(entry.asking.summary, summary)) return undefined;
    entry.fresh = false;
    entry.asking = { number: ++this.#number, summary, entry, awaited: false, done: false, error: null };
    return entry.asking;
  }

  #unanswered(listed: readonly ContainerSummary[]): readonly Entry[] {
    return listed.flatMap((summary) => {
      const entry = this.#entries.get(summary.id);
      return entry !== undefined && summary.running && knownOf(entry, summary) === undefined ? [entry] : [];
    });
  }

  /** Ends with the last of these answers, or with our patience, so often without any answer. */
  async #wait(questions: readonly Question[], times: number): Promise<void> {
    let open = questions;
    for (const question of open) question.awaited = true;
    for (let still = 0; open.length > 0 && still < times; ) {
      const before = this.#answers;
      await this.#pause(open);
      open = open.filter(({ done }) => !done);
      still = this.#answers > before && times > 1 ? 0 : still + 1;
      if (!open.some(isNeeded)) break;
    }
    for (const question of open) question.awaited = false;
  }

  #pause(open: readonly Question[]): Promise<void> {
    let missing = open.length;
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#onAnswer = () => {};
        resolve();
      };
      const timer = setTimeout(end, open.some(isNeeded) ? patience : haste);
      this.#onAnswer = ({ awaited }) => {
        if (awaited && --missing === 0) end();
      };
    });
  }

  #pump(): void {
    while (this.#running < parallel) {
      const question = this.#queue.shift();
      if (question === undefined) return;
      this.#running++;
      void this.#ask(question).then(() => {
        this.#running--;
        this.#pump();
      });
    }
  }

  async #ask(question: Question): Promise<void> {
    const { entry, number, summary } = question;
    try {
      const answer = await this.#api.container(summary.id);
      const current = entry.asking === question;
      if (current) entry.hangs = answer.kind === 'busy';
      if (answer.kind !== 'busy' && number > (entry.answer?.number ?? 0)) {
        const before = entry.answer;
        entry.answer = { number, details: answer.kind === 'found' ? answer.value : answer.kind, at: summary };
        entry.fresh = current;
        entry.broughtUp = null;
        if (!question.awaited && !saysTheSame(before, entry.answer)) this.#onLate();
      }
    } catch (error) {
      question.error = error as Error; // told to whoever waits; else it is asked again
    }
    if (entry.asking === question) entry.asking = null;
    question.done = true;
    this.#answers++;
    this.#onAnswer(question);
  }
}

/** Whether a container would be taken for less than it is, without the answer. */
function isNeeded({ summary, entry }: Question): boolean {
  return summary.running && knownOf(entry, summary) === undefined;
}

/** What can be said of a container now, whether or not the last word on it has come; undefined where that is too little. */
function knownOf(entry: Entry | undefined, summary: ContainerSummary): Known | undefined {
  if (entry === undefined || entry.answer === null) return undefined;
  return stands(entry, summary) ? entry.answer.details : bringUp(entry, summary);
}

/**
 * A running container that was connected somewhere, disconnected or renamed since it was inspected has the same process
 * and, where its endpoints have the same ids, the same place; the list says as much of the new ones as an inspect does.
 * Every start makes all of its endpoints anew.
 */
function bringUp(entry: Entry, summary: ContainerSummary): ContainerDetails | undefined {
  const details = entry.answer?.details;
  if (details === undefined || typeof details === 'string' || !details.running || !summary.running) return undefined;
  const before = new Set(details.attachments.map(({ endpoint }) => endpoint));
  if (!summary.attachments.some(({ endpoint }) => endpoint !== '' && before.has(endpoint))) return undefined;
  // the same object each time, by which others remember what they made of it
  if (entry.broughtUp?.to !== summary)
    entry.broughtUp = { details: { ...details, ...summary, image: details.image }, to: summary };
  return entry.broughtUp.details;
}

/** Whether the answer was given about the container as the list has it now. */
function stands(entry: Entry, summary: ContainerSummary): boolean {
  return entry.answer !== null && isSame(entry.answer.at, summary);
}

/** Whether an answer leaves all as it was known. */
function saysTheSame(before: Answer | null, { details, at }: Answer): boolean {
  return before !== null && isSame(before.at, at) && isDeepStrictEqual(before.details, details);
}

function isSame(a: ContainerSummary, b: ContainerSummary): boolean {
  return a === b || isDeepStrictEqual(a, b);
}

function doubtful(entry: Entry): void {
  entry.fresh = false;
  entry.hangs = false;
  entry.asking = null;
}
