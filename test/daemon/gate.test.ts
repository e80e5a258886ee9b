import { expect, test } from 'vitest';
import { Gate } from '../../src/daemon/gate.ts';

/** Work that ends when it is told to. */
function works(said: string[]) {
  return (name: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const work = async () => {
      said.push(`${name} begins`);
      try {
        return await promise;
      } finally {
        said.push(`${name} ends`);
      }
    };
    return { work, end: () => resolve(name), fail: () => reject(new Error(name)) };
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('many work together, and one alone: it waits for those before it, and those after it wait', async () => {
  const said: string[] = [];
  const work = works(said);
  const gate = new Gate();
  const [one, two, alone, three] = [work('one'), work('two'), work('alone'), work('three')];
  const all = [gate.together(one.work), gate.together(two.work), gate.alone(alone.work), gate.together(three.work)];
  await turn();
  expect(said.splice(0)).toEqual(['one begins', 'two begins']);
  two.end();
  await turn();
  expect(said.splice(0)).toEqual(['two ends']);
  one.end();
  await turn();
  expect(said.splice(0)).toEqual(['one ends', 'alone begins']);
  alone.end();
  await turn();
  expect(said.splice(0)).toEqual(['alone ends', 'three begins']);
  three.end();
  expect(await Promise.all(all)).toEqual(['one', 'two', 'alone', 'three']);
});

test('what fails tells its own caller, and holds up nobody', async () => {
  const work = works([]);
  const gate = new Gate();
  const [one, alone] = [work('one'), work('alone')];
  const failing = [gate.together(one.work), gate.alone(alone.work)];
  const last = gate.together(async () => 'last');
  one.fail();
  alone.fail();
  expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await last).toBe('last');
  await gate.open();
});
