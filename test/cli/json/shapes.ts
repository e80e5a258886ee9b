import type { FakeHost } from '../fakes.ts';
import { articleHost } from '../hosts.ts';

/** The shape of a value: keys with the types of their values, of a list that of its first item. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shapeOf(item)]));
}

/** What a command prints with `--json` on the article's host, where its policy was applied and then this was done. */
export async function json(args: readonly string[], prepare: (host: FakeHost) => unknown = () => {}) {
  const host = articleHost();
  await host.sluice(['apply']);
  await prepare(host);
  const { out, code } = await host.sluice([...args, '--json']);
  return { value: JSON.parse(out) as Record<string, unknown>, code };
}

/** Shapes that stand in several answers: where something is in a file, an error or warning, who cannot be held. */
export const source = { file: 'string', line: 'number', column: 'number', text: 'string' };
export const diagnostic = { severity: 'string', code: 'string', message: 'string', fix: 'null', source, related: [] };
export const unheld = {
  container: { id: 'string', name: 'string' },
  workload: 'string',
  code: 'string',
  reason: 'string',
  fix: 'string',
  wanted: 'string',
  cutOff: 'boolean',
};
