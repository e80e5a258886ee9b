import { describe, expect, test } from 'vitest';
import type { ListRead } from '../../src/docker/list-reader.ts';
import { summaries } from '../../src/docker/summaries.ts';

const entry = (digit: string, fields: object = {}) => ({
  Id: digit.repeat(64),
  Names: [`/c${digit}`],
  Image: 'lab/app',
  ImageID: 'sha256:1',
  State: 'running',
  Status: `Up ${digit} minutes`,
  Labels: { a: '1' },
  HostConfig: { NetworkMode: 'front' },
  NetworkSettings: { Networks: { front: { NetworkID: 'd'.repeat(64), EndpointID: 'e'.repeat(64) } } },
  ...fields,
});

/** What a list gives; a list that cannot be read fails the test. */
function reader() {
  const read = summaries();
  return (entries: readonly unknown[], whole = true) => read(listed(entries), whole).data?.containers ?? [];
}

function listed(entries: readonly unknown[], tooLong: readonly string[] = []): ListRead {
  return { entries, tooLong, bytes: 1 };
}

describe('an entry of the list', () => {
  test('that says the same is the same object, however long it has been up', () => {
    const read = reader();
    const before = read([entry('1'), entry('2')]);
    const after = read([entry('2', { Status: 'Up 3 hours' }), entry('1')]);
    expect(after[0]).toBe(before[1]);
    expect(after[1]).toBe(before[0]);
  });

  test.each<[string, object]>([
    ['name', { Names: ['/other'] }],
    ['state', { State: 'exited' }],
    ['labels', { Labels: { 'sluice.allow': '2' } }],
    ['image', { ImageID: 'sha256:2' }],
    [
      'endpoint',
      { NetworkSettings: { Networks: { front: { NetworkID: 'd'.repeat(64), EndpointID: 'f'.repeat(64) } } } },
    ],
    ['networks', { NetworkSettings: { Networks: {} } }],
  ])('with another %s is another one', (_what, fields) => {
    const read = reader();
    const [before] = read([entry('1')]);
    const [after] = read([entry('1', fields)]);
    expect(after).not.toEqual(before);
  });

  test('that is asked for alone leaves the others known', () => {
    const read = reader();
    const [, two] = read([entry('1'), entry('2')]);
    read([entry('1', { State: 'exited' })], false);
    expect(read([entry('1'), entry('2')])[1]).toBe(two);
  });

  test('that is no container makes no list, and the error says which', () => {
    const read = summaries();
    expect(read(listed([entry('1'), null]), true).error?.issues[0]?.path).toEqual([1]);
    expect(read(listed([entry('1'), entry('2', { Names: 7 })]), true).error?.issues[0]?.path).toEqual([1, 'Names']);
    expect(read(listed([entry('1')]), true).success).toBe(true);
  });

  test('that is too long is known by its id, and by its name where that is there', () => {
    const read = summaries();
    const [one, two] = ['1'.repeat(64), '2'.repeat(64)];
    const beginnings = [`{"Id":"${one}","Names":["/a\\"b"],"Image":"x`, `{"Id":"${two}","Names":["/c`];
    expect(read(listed([entry('3')], beginnings), true).data).toMatchObject({
      containers: [{ name: 'c3' }],
      unreadable: [
        { id: one, name: 'a"b' },
        { id: two, name: two.slice(0, 12) },
      ],
    });
    expect(read(listed([], ['{"Names":["/c"]']), true).success).toBe(false);
  });

  test('keeps no labels but those that somebody here reads', () => {
    const [one] = reader()([
      entry('1', { Labels: { a: '1', 'sluice.allow': 'dns', 'com.docker.compose.project': 'p' } }),
    ]);
    expect([...(one?.labels.keys() ?? [])]).toEqual(['sluice.allow', 'com.docker.compose.project']);
  });
});
