/**
 * Says when requests may begin, so that all who take part can move the same bytes in a second: what
 * is done less often holds a loop still less often, and that is no merit.
 */
export class Pace {
  readonly #bytesPerMillisecond: number;
  #start = 0;
  #bytes = 0;
  #waiting: (() => void)[] = [];

  /** @param rate In MiB a second; `Infinity` is as fast as it goes */
  constructor(rate: number) {
    this.#bytesPerMillisecond = rate * 2 ** 20 / 1000;
  }

  /** Counts from now on. */
  start(): void {
    this.#start = performance.now();
    this.#bytes = 0;
  }

  /** Whether so many bytes may be asked for now; if not, `again` is called when it may be tried. */
  take(bytes: number, again: () => void): boolean {
    if (this.#bytesPerMillisecond === Infinity) return true;
    if (this.#isAhead()) {
      this.#waiting.push(again);
      return false;
    }
    this.#bytes += bytes;
    return true;
  }

  /** Lets those go on who may; to be called in each turn of the event loop. */
  turn(): void {
    while (this.#waiting.length > 0 && !this.#isAhead()) this.#waiting.pop()!();
  }

  #isAhead(): boolean {
    return this.#bytes > (performance.now() - this.#start) * this.#bytesPerMillisecond;
  }
}
