import type { Seen } from './containers.ts';
import type { EngineApi, ImageDetails, Inspected } from './engine-api.ts';
import { mapParallel } from './parallel.ts';

/** What is known of some images. */
export interface KnownImages {
  /** By id. One that is gone, or of which nothing was ever heard, is not there. */
  readonly images: ReadonlyMap<string, ImageDetails>;
  /** Ids of those that are gone, or whose answer nobody can read: what they say will not be known. */
  readonly unreadable: ReadonlySet<string>;
  /** Whether an answer is still to come: asked again, it may be there. */
  readonly late: boolean;
}

const noImage: ImageDetails = { labels: new Map() };

/** Labels of images, each asked once: an image's id is the digest of all it says. */
export class Images {
  readonly #api: EngineApi;
  #known: ReadonlyMap<string, ImageDetails> = new Map();
  /** What was known before it was forgotten: it counts until the engine says otherwise. */
  #before: ReadonlyMap<string, ImageDetails> = new Map();
  /** What nobody could read is as long at the next asking; one that is gone may be there again. */
  #unreadable: ReadonlySet<string> = new Set();

  constructor(api: EngineApi) {
    this.#api = api;
  }

  /** Each is asked for again. While the engine does not answer about one, what it said before holds. */
  forget(): void {
    this.#before = new Map([...this.#before, ...this.#known]);
    this.#known = new Map();
    this.#unreadable = new Set();
  }

  /** The images of these containers, and no others. @throws EngineError where the engine refuses */
  async of(seen: readonly Seen[]): Promise<KnownImages> {
    const known = this.#known;
    const never = this.#unreadable;
    const ids = [...new Set(seen.map(({ details }) => details.imageId))];
    const answers = await mapParallel(ids, async (id): Promise<{ id: string; answer: Inspected<ImageDetails> }> => {
      // the steps of a build from scratch are containers of no image (moby 28, builder/dockerfile/dispatchers.go)
      const value = id === '' ? noImage : known.get(id);
      if (value !== undefined) return { id, answer: { kind: 'found', value } };
      return { id, answer: never.has(id) ? { kind: 'unreadable' } : await this.#api.image(id) };
    });
    this.#unreadable = new Set(answers.flatMap(({ id, answer }) => (answer.kind === 'unreadable' ? [id] : [])));
    this.#known = new Map(answers.flatMap(({ id, answer }) => (answer.kind === 'found' ? [[id, answer.value]] : [])));
    const late = answers.filter(({ answer }) => answer.kind === 'busy').map(({ id }) => id);
    this.#before = new Map(
      late.flatMap((id) => {
        const before = this.#before.get(id);
        return before === undefined ? [] : [[id, before]];
      }),
    );
    const gone = answers.flatMap(({ id, answer }) => (answer.kind === 'gone' ? [id] : []));
    return {
      images: new Map([...this.#known, ...this.#before]),
      unreadable: new Set([...this.#unreadable, ...gone]),
      late: late.length > 0,
    };
  }
}
