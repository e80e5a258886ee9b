/** Something the engine did. `at` is nanoseconds since the epoch, as the engine says. */
export type EngineEvent =
  | {
      readonly kind: 'container';
      /** `create`, `start`, `die`, `destroy`, `rename`, `update`… */
      readonly action: string;
      readonly container: string;
      readonly at: bigint;
    }
  | {
      readonly kind: 'network';
      /** `create`, `destroy`, `connect`, `disconnect`… */
      readonly action: string;
      readonly network: string;
      /** Whom `connect` and `disconnect` are about. */
      readonly container: string | null;
      readonly at: bigint;
    };

/** How following ended or went on; events are hints, so whoever hears `gap` reads everything again. */
export type EngineNotice =
  | { readonly kind: 'event'; readonly event: EngineEvent }
  /** Connected, after nothing or after an end: subscribe first, then read everything. */
  | { readonly kind: 'connected' }
  /** The stream ended or cannot be opened; it is tried again. */
  | { readonly kind: 'gap'; readonly reason: string };
