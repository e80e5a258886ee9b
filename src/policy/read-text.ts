import { type ComposePart, readComposeFile } from './compose-file.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { Report } from './piece.ts';
import { type PolicyPart, readPolicyFile } from './policy-file.ts';
import { Reader } from './reader.ts';
import { type PolicyText, readYaml } from './yaml-text.ts';

/** What one text says, whatever the others do. */
export type ReadText = { readonly diagnostics: readonly Diagnostic[] } & (
  | { readonly kind: 'policy'; readonly part: PolicyPart }
  /** No part: nothing in the file is about us, or its project cannot be told. */
  | { readonly kind: 'compose'; readonly part: ComposePart | undefined }
  /** Not YAML: what it would have said is unknown. */
  | { readonly kind: 'unreadable' }
);

/** Reads one text of a policy by itself. */
export function readText(text: PolicyText): ReadText {
  const diagnostics: Diagnostic[] = [];
  const report: Report = (found) => diagnostics.push(found);
  const yaml = readYaml(text, report);
  if (yaml === undefined) return { kind: 'unreadable', diagnostics };
  const reader = new Reader(yaml, report);
  if (text.role === 'policy') return { kind: 'policy', part: readPolicyFile(reader), diagnostics };
  return { kind: 'compose', part: readComposeFile(reader), diagnostics };
}
