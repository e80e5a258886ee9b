import type { Seen } from './containers.ts';
import type { EngineApi, ImageDetails } from './engine-api.ts';
import { mapParallel } from './parallel.ts';

/** Labels of images, each asked once: an image's id is the digest of all it says. */
export class Images {
  readonly #api: EngineApi;
  #known: ReadonlyMap<string, ImageDetails> = new Map();

  constructor(api: EngineApi) {
    this.#api = api;
  }

  forget(): void {
    this.#known = new Map();
  }

  /** The images of these containers, and no others; one that is gone or does not answer is not there. */
  async of(seen: readonly Seen[]): Promise<ReadonlyMap<string, ImageDetails>> {
    const known = this.#known;
    const ids = [...new Set(seen.map(({ details }) => details.imageId))];
    const found = await mapParallel(ids, async (id) => {
      const before = known.get(id);
      if (before !== undefined) return [id, before] as const;
      const answer = await this.#api.image(id);
      return answer.kind === 'found' ? ([id, answer.value] as const) : undefined;
    });
    this.#known = new Map(found.filter((one) => one !== undefined));
    return this.#known;
  }
}
