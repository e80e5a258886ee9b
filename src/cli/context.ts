import type { Ports } from './ports.ts';
import type { Screen } from './screen.ts';

/** What a command gets: the settings that hold for all commands, and the world outside. */
export interface Context {
  readonly settings: Settings;
  readonly ports: Ports;
  readonly screen: Screen;
}

export interface Settings {
  /** The policy file; `policy.d` lies beside it. */
  readonly config: string;
  /** Where what was applied is remembered. */
  readonly state: string;
  /** The daemon's control socket. */
  readonly socket: string;
  /** The engine's address; undefined: as Docker's own client finds it. */
  readonly host: string | undefined;
  readonly json: boolean;
  readonly debug: boolean;
}
