/** Talking over the control socket did not work; the message is for people. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly kind: 'taken' | 'unusable' | 'not-allowed' | 'no-answer' | 'refused';

  constructor(kind: ControlError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}
