/** Enough for what the rules of a chain have in common. */
const most = 256;
/** Of what is not known when that is full, one in so many is remembered: what occurs often is soon among them. */
const rare = 16;

/**
 * What was read of a text, by the text. In a listing of many rules most say in part what others say: it is read once, and held
 * once. What occurs once only, as the addresses of a block list do, is read and forgotten.
 */
export class Known<T> {
  readonly #read = new Map<string, T>();
  #missed = 0;

  /** @param text all that the result depends on */
  of(text: string, read: () => T): T {
    const known = this.#read.get(text);
    if (known !== undefined) return known;
    const made = read();
    if (this.#read.size < most) this.#read.set(text, made);
    else if (++this.#missed % rare === 0) this.#replaceOldest(text, made);
    return made;
  }

  #replaceOldest(text: string, made: T): void {
    for (const oldest of this.#read.keys()) {
      this.#read.delete(oldest);
      break;
    }
    this.#read.set(text, made);
  }
}
