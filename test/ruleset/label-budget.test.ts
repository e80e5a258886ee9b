import { describe, expect, test } from 'vitest';
import { compile, createCompiler } from '../../src/ruleset/compile.ts';
import { buildWorld, type ContainerSketch, type WorldSketch } from '../generate/build.ts';
import { judge, now, policyOf, town } from './support.ts';

/** 62 entries of sixteen ports each, other ones for every number. */
const label = (number: number) =>
  Array.from({ length: 62 }, (_, at) => `10.${number >> 8}.${number & 255}.${at}:${1 + at}-${16 + at}/tcp`).join(' ');

/** So many containers, of which the first runs and the others need not, with labels that are each within the limits. */
const noise = (count: number, first = 0): readonly ContainerSketch[] =>
  Array.from({ length: count }, (_, at) => ({
    name: `noise-${first + at}`,
    workload: `noise/s${first + at}`,
    on: ['shop_default'],
    running: first + at === 0,
    labels: { 'sluice.allow': label(first + at) },
  }));

const modest: ContainerSketch = {
  name: 'modest',
  workload: 'modest/x',
  on: ['shop_default'],
  labels: { 'sluice.allow': '10.9.9.9:53/udp' },
};
const beside = (...more: readonly ContainerSketch[]): WorldSketch => ({
  ...town,
  containers: [...town.containers, modest, ...more],
});
const policy = policyOf('projects: { app: { allow: ["10.1.1.1:443"] } }');

describe('labels that come to more than is held for all containers together', () => {
  const crowded = beside(...noise(1_050));

  test('allow nothing to the project that has most of them, and everybody else is held as before', () => {
    const judged = judge(policy, crowded);
    expect(judged.say('app-web-1', '10.1.1.1:443/tcp')).toBe('allowed');
    expect(judged.say('app-web-1', '10.1.1.2:443/tcp')).toBe('denied');
    expect(judged.say('modest', '10.9.9.9:53/udp')).toBe('allowed');
    const of = (name: string) =>
      judged.ruleset.seats.flatMap(({ container, program }) =>
        container.name === name ? judged.ruleset.programs.filter(({ id }) => id === program) : [],
      );
    expect(of('noise-0')).toMatchObject([{ standing: 'refused', allow: [] }]);
    const told = judged.diagnostics.filter(({ code }) => code === 'SL1008');
    expect(told[0]?.message).toContain('those of project "noise" to most of them');
  });

  test('are read again when they have become fewer, by whoever remembers what was', () => {
    const compiler = createCompiler(policy);
    for (const sketch of [beside(...noise(10)), crowded, beside(...noise(10))]) {
      const world = buildWorld(sketch);
      expect(compiler(world, now).ruleset.programs).toEqual(compile(policy, world, now).ruleset.programs);
    }
  });

  test('count whom they name, each once for a project: more than anybody needs is too much', () => {
    const naming = (count: number): readonly ContainerSketch[] =>
      Array.from({ length: 20 }, (_, at) => ({
        name: `many-${at}`,
        workload: `many/s${at}`,
        on: ['shop_default'],
        labels: {
          'sluice.allow': Array.from(
            { length: count },
            (__, its) => `service/x${its % 2 === 0 ? its : at * count + its}`,
          ).join(' '),
        },
      }));
    const refusedOf = (count: number) => {
      const { ruleset, say } = judge(policy, beside(...naming(count)));
      expect(say('app-web-1', '10.1.1.1:443/tcp')).toBe('allowed');
      expect(say('modest', '10.9.9.9:53/udp')).toBe('allowed');
      return ruleset.programs.filter(({ standing }) => standing === 'refused').length;
    };
    expect(refusedOf(40)).toBe(0);
    expect(refusedOf(120)).toBe(20);
  });

  test('take as many containers as a large host has, each with a list of its own', () => {
    const { ruleset } = judge(policy, beside(...noise(250)));
    expect(ruleset.programs.filter(({ standing }) => standing === 'refused')).toEqual([]);
  });
});
