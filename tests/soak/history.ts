/** The last things that were done, for the report on a failure. */
export class History {
  readonly #lines: string[] = [];
  readonly #kept: number;

  /** @param kept How many are kept */
  constructor(kept: number = 40) {
    this.#kept = kept;
  }

  /** Notes one. */
  note(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > this.#kept) this.#lines.shift();
  }

  /** All that is kept, oldest first. */
  toString(): string {
    return this.#lines.join("\n");
  }
}
