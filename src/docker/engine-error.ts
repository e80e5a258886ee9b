export type EngineErrorKind =
  /** No answer, or not in time. */
  | 'unreachable'
  /** The engine refused. */
  | 'api'
  /** The answer is not what the API promises. */
  | 'malformed'
  /** What belongs to its answers cannot be read on the host: its settings, the interfaces. */
  | 'host';

/** What can go wrong with the engine; the message names the next step. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly kind: EngineErrorKind;
  /** HTTP status of a refusal; 0 where there is none. */
  readonly status: number;

  constructor(kind: EngineErrorKind, message: string, status = 0) {
    super(message);
    this.kind = kind;
    this.status = status;
  }
}
