/** What is said between `sluice test --live` and its helper in a container's network namespace; a line of JSON each. */
export type ProbeRequest =
  | { readonly ask: 'source'; readonly to: string }
  | {
      readonly ask: 'send';
      readonly protocol: number;
      readonly to: string;
      readonly port: number;
      readonly source: string;
      readonly sourcePort: number;
    };

export type ProbeAnswer =
  | { readonly source: string }
  | { readonly sent: true }
  | { readonly error: string; readonly code: string | null };

/** Word on the command line that starts the helper instead of a command. */
export const probeWord = '_probe';
