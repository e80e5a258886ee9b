/** What the command line gave to a command, read by the names its spec has. */
export class Given {
  readonly #args: readonly unknown[];
  readonly #options: Readonly<Record<string, unknown>>;

  constructor(args: readonly unknown[], options: Readonly<Record<string, unknown>>) {
    this.#args = args;
    this.#options = options;
  }

  /** The argument at a position; the parser has seen to it that required ones are there. */
  argument(index: number): string {
    const value = this.#args[index];
    return typeof value === 'string' ? value : '';
  }

  /** A variadic argument. */
  list(index: number): readonly string[] {
    const value = this.#args[index];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }

  /** Whether an option without a value was given, by its camel-case name. */
  flag(name: string): boolean {
    return this.#options[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#options[name];
    return typeof value === 'string' ? value : undefined;
  }
}
