import type { World } from '../world/world.ts';
import type { EngineEvent } from './events.ts';

/** The engine's state as a World, kept so that reading it again asks only for what may have changed. */
export interface EngineMirror {
  /** What an event says has changed is asked for at the next reading. */
  note(event: EngineEvent): void;
  /** Nothing known counts any more: after a gap, and on a slow timer. */
  forget(): void;
  /**
   * The world now. A container that the engine does not tell about in time is there by what the list says, and
   * `onLate` is called when the rest has come.
   *
   * @throws EngineError
   */
  readWorld(): Promise<World>;
}
