/** Problems that are kept in words. */
const KEPT = 100;

/** What is wrong with a database: all of it is counted, the first hundred kept in words. */
export class Problems {
  /** All problems found. */
  count = 0;
  /** The first of them. */
  readonly texts: string[] = [];

  /** Adds a problem. */
  add(text: string): void {
    this.count++;
    if (this.texts.length < KEPT) this.texts.push(text);
  }
}
