/**
 * Writes the tables of docs/policy.md between their marks, from the schema, the built-in lists and the table of codes:
 * `node scripts/policy-reference.ts`. A test fails while the page is not what this would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatPrefix } from '../src/ip/prefix.ts';
import { cloudMetadata, multicastBlocks, privateBlocks, type Registered } from '../src/ip/registry.ts';
import { codes } from '../src/policy/codes.ts';
import { policyJsonSchema } from '../src/policy/schema.ts';
import { fillTables, markdownTable } from './generated-tables.ts';

export const referencePage = join(import.meta.dirname, '../docs/policy.md');

/** The part of JSON Schema that our schema uses. */
interface Schema {
  readonly description?: string;
  readonly const?: string | number | boolean;
  readonly enum?: readonly (string | number)[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | false;
}

const tables = { keys: keysTable, addresses: addressTable, codes: codesTable };

/** The page with its tables as they have to be; everything outside the marks stays. */
export function withTables(page: string): string {
  return fillTables(page, tables);
}

function keysTable(): string {
  const schema = policyJsonSchema() as Schema;
  const project = schema.properties?.['projects']?.additionalProperties;
  const allow = project ? project.properties?.['allow']?.anyOf?.find(({ items }) => items !== undefined) : undefined;
  const entry = longForm(allow?.items ?? {});
  if (entry === undefined) throw new Error('the schema has no long form of an entry');
  return markdownTable(['Key', 'Value', 'Meaning'], [...keyRows(schema, ''), ...keyRows(entry, 'ENTRY')]);
}

/** A row for each key, deeper ones after it; names chosen by the user are in capitals. */
function keyRows(schema: Schema, path: string): readonly (readonly string[])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const full = path === '' ? key : `${path}.${key}`;
    const name = schema.required?.includes(key) ? `**\`${full}\`**` : `\`${full}\``;
    return [[name, valueOf(value), value.description ?? ''], ...below(value, full)];
  });
}

function below(value: Schema, path: string): readonly (readonly string[])[] {
  if (value.properties !== undefined) return keyRows(value, path);
  if (value.additionalProperties) return keyRows(value.additionalProperties, `${path}.NAME`);
  const items = value.items === undefined ? undefined : longForm(value.items);
  // entries look the same wherever they stand and have rows of their own
  if (items?.properties?.['from'] !== undefined) return keyRows(items, `${path}[]`);
  return [];
}

function longForm(schema: Schema): Schema | undefined {
  return schema.properties === undefined ? schema.anyOf?.find(({ properties }) => properties !== undefined) : schema;
}

function valueOf(schema: Schema): string {
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`${word}\``).join(', ');
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(valueOf))].join(', or ');
  if (schema.type === 'array') return `a list of ${plural(schema.items ?? {})}`;
  if (schema.properties !== undefined) return schema.properties['to'] === undefined ? 'a map' : 'an entry';
  if (schema.additionalProperties) return 'a map by name';
  if (schema.format === 'date') return 'a date';
  return schema.type === 'integer' ? 'a number' : schema.type === 'string' ? 'a text' : (schema.type ?? '');
}

function plural(items: Schema): string {
  const form = longForm(items);
  if (form?.properties?.['from'] !== undefined) return form.properties['to'] === undefined ? 'tests' : 'exceptions';
  if (form !== undefined) return 'entries';
  return items.anyOf === undefined ? 'texts' : 'texts or numbers';
}

function addressTable(): string {
  const lists: readonly (readonly [string, readonly Registered[]])[] = [
    ['cloud-metadata', cloudMetadata],
    ['private', privateBlocks],
    ['multicast', multicastBlocks],
  ];
  const rows = lists.flatMap(([group, list]) =>
    list.map(({ prefix, name, citation }) => [`\`${group}\``, `\`${formatPrefix(prefix)}\``, name, citation]),
  );
  return markdownTable(['Group', 'Addresses', 'What', 'Source'], rows);
}

function codesTable(): string {
  const rows = Object.values(codes)
    .toSorted((a, b) => (a.code < b.code ? -1 : 1))
    .map(({ code, severity, title }) => [`\`${code}\``, severity, title]);
  return markdownTable(['Code', '', 'What it stands for'], rows);
}

if (import.meta.main) writeFileSync(referencePage, withTables(readFileSync(referencePage, 'utf8')));
