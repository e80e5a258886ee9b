/** A ruleset that this backend cannot hold exactly, with the reason. */
export class NotHeldError extends Error {
  override readonly name = 'NotHeldError';
}
