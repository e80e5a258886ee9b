import type { Ruleset } from '../ruleset/ruleset.ts';
import type { View } from './view.ts';

/** A word of `defaults` that holds for the host and no container of its own. */
export interface DefaultChange {
  readonly word: 'denied' | 'unknown-bridge' | 'build';
  readonly from: string;
  readonly to: string;
}

/** Which of them another ruleset changes; none where nothing was applied before. */
export function defaultsBetween(before: Ruleset | null, after: Ruleset): readonly DefaultChange[] {
  if (before === null) return [];
  const changes: readonly DefaultChange[] = [
    { word: 'denied', from: before.denied, to: after.denied },
    { word: 'unknown-bridge', from: before.unknownBridges, to: after.unknownBridges },
    ...after.bridges.flatMap(({ name, unknown }): readonly DefaultChange[] => {
      const was = before.bridges.find((bridge) => bridge.name === name);
      // where nobody was held before, builds were nobody's business
      return was === undefined ? [] : [{ word: 'build', from: buildsOf(was.unknown), to: buildsOf(unknown) }];
    }),
  ];
  return changes.filter(({ from, to }) => from !== to);
}

const buildsOf = ({ kind }: Ruleset['bridges'][number]['unknown']): string => (kind === 'judge' ? 'allow' : 'deny');

/** A line for each: `defaults  unknown-bridge: deny (was allow)`. */
export function defaultLines(changes: readonly DefaultChange[], { paint }: View): readonly string[] {
  return changes.map(
    ({ word, from, to }) => `${paint.strong('defaults')}  ${word}: ${to} ${paint.faint(`(was ${from})`)}`,
  );
}
