/** What the process that takes a change back has to know; it goes over its command line as JSON. */
export interface TimerOrder {
  readonly config: string;
  readonly state: string;
  readonly socket: string;
  readonly host: string | null;
  /** Of the policy that the change brings. */
  readonly digest: string;
  /** Names the change. */
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Word on the command line that starts it instead of a command. */
export const timerWord = '_confirm-timer';
