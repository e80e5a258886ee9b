/** Where a piece of policy was written. Lines and columns count from 1; `text` is the offending or deciding piece. */
export interface SourceRef {
  /** A path as the user gave it, or `labels of container NAME`. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** `policy.yaml:9`, as messages show it. */
export function formatSource(source: SourceRef): string {
  return source.line > 0 ? `${source.file}:${source.line}` : source.file;
}

/** The place of a container's labels, which have no lines. */
export function sourceOfLabels(container: string, text: string): SourceRef {
  return { file: `labels of container ${container}`, line: 0, column: 0, text };
}
