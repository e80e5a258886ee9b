import type { BackendChoice } from '../enforce/backend.ts';

/** What `sluice run` starts the daemon with. */
export interface DaemonOptions {
  readonly config: string;
  readonly state: string;
  readonly socket: string;
  /** The engine's address as given; undefined: as Docker's own client finds it. */
  readonly host: string | undefined;
  /** null: in what rules of ours stand, or were remembered, or as is usual. */
  readonly backend: BackendChoice | null;
  /** Whether the policy is loaded at every change of its files. */
  readonly watch: boolean;
  /** A line for people, of what happens while it runs. */
  readonly log: (level: 'info' | 'warning' | 'error', text: string) => void;
}
