import { describe, expect, test } from 'vitest';
import type { Seen } from '../../src/docker/containers.ts';
import type { EngineApi, ImageDetails, Inspected } from '../../src/docker/engine-api.ts';
import { Images } from '../../src/docker/images.ts';

const app: ImageDetails = { labels: new Map([['com.docker.compose.project', 'app']]) } as ImageDetails;
const seen = [{ kind: 'summary', details: { imageId: 'one' } }] as unknown as readonly Seen[];

/** Images of an engine that answers as it is told. */
function imagesOf(engine: { answer: Inspected<ImageDetails>; asked: number }): Images {
  const image = async () => {
    engine.asked++;
    return engine.answer;
  };
  return new Images({ image } as unknown as EngineApi);
}

describe('what an image says', () => {
  test('is asked once', async () => {
    const engine = { answer: { kind: 'found', value: app } as Inspected<ImageDetails>, asked: 0 };
    const images = imagesOf(engine);
    for (let round = 0; round < 3; round++)
      expect(await images.of(seen)).toEqual({ images: new Map([['one', app]]), unreadable: new Set(), late: false });
    expect(engine.asked).toBe(1);
  });

  test('is nothing, and not asked, where a container has none', async () => {
    const engine = { answer: { kind: 'unreadable' } as Inspected<ImageDetails>, asked: 0 };
    const ofNone = [{ kind: 'summary', details: { imageId: '' } }] as unknown as readonly Seen[];
    const { images, unreadable } = await imagesOf(engine).of(ofNone);
    expect([[...images], unreadable.size, engine.asked]).toEqual([[['', { labels: new Map() }]], 0, 0]);
  });

  test('holds after a gap, while the engine breaks off at the question; and then is asked again', async () => {
    const engine = { answer: { kind: 'found', value: app } as Inspected<ImageDetails>, asked: 0 };
    const images = imagesOf(engine);
    await images.of(seen);
    images.forget();
    images.forget();
    engine.answer = { kind: 'busy' };
    for (let round = 0; round < 3; round++)
      expect(await images.of(seen)).toEqual({ images: new Map([['one', app]]), unreadable: new Set(), late: true });
    engine.answer = { kind: 'found', value: app };
    expect(await images.of(seen)).toEqual({ images: new Map([['one', app]]), unreadable: new Set(), late: false });
    expect(engine.asked).toBe(5);
  });

  test.each(['gone', 'unreadable'] as const)('counts no more when the answer is that it is %s', async (kind) => {
    const engine = { answer: { kind: 'found', value: app } as Inspected<ImageDetails>, asked: 0 };
    const images = imagesOf(engine);
    await images.of(seen);
    images.forget();
    engine.answer = { kind };
    expect(await images.of(seen)).toEqual({ images: new Map(), unreadable: new Set(['one']), late: false });
  });

  test.each([
    ['unreadable', 2],
    ['gone', 4],
  ] as const)('that is %s is asked for again when that may have changed', async (kind, asked) => {
    const engine = { answer: { kind } as Inspected<ImageDetails>, asked: 0 };
    const images = imagesOf(engine);
    for (let round = 0; round < 3; round++) expect((await images.of(seen)).unreadable).toEqual(new Set(['one']));
    images.forget();
    await images.of(seen);
    expect(engine.asked).toBe(asked);
  });

  test('of which nothing was heard yet is to come', async () => {
    const images = imagesOf({ answer: { kind: 'busy' }, asked: 0 });
    expect(await images.of(seen)).toEqual({ images: new Map(), unreadable: new Set(), late: true });
  });
});
