import process from "node:process";
import { progressLine } from "./progress_line.ts";

/** The bytes between two looks at the clock. */
const STRIDE = 256 * 1024;
/** The milliseconds between two drawings. */
const INTERVAL = 100;
/** The width of a terminal that does not say how wide it is. */
const DEFAULT_COLUMNS = 80;

/**
 * A progress bar on standard error: one line, drawn at most ten times a second. Nothing is drawn
 * where standard error is no terminal. The cursor stays visible and stays at the beginning of the
 * line, so there is nothing to put right if the process is ended.
 */
export class ProgressBar {
  #total: number;
  #done = 0;
  #nextLook: number = STRIDE;
  #began: number = performance.now();
  #nextDrawing: number = this.#began + INTERVAL;
  #shown = false;
  #blocks: boolean = showsBlocks();

  /** @param total All bytes to come. */
  constructor(total: number) {
    this.#total = total;
    if (!process.stderr.isTTY || process.env.TERM === "dumb") this.#nextLook = Infinity;
  }

  /**
   * Counts bytes as done, and draws if it is time.
   *
   * @param bytes The bytes done since the last call.
   */
  advance(bytes: number): void {
    this.#done += bytes;
    if (this.#done < this.#nextLook) return;
    this.#nextLook = this.#done + STRIDE;
    const now = performance.now();
    if (now >= this.#nextDrawing) this.#draw(now);
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#shown) process.stderr.write("\r\x1b[K");
    this.#shown = false;
  }

  #draw(now: number): void {
    this.#nextDrawing = now + INTERVAL;
    this.#shown = true;
    const progress = {
      done: this.#done,
      total: this.#total,
      seconds: (now - this.#began) / 1000,
    };
    // A line as wide as the terminal would make some terminals go to the next.
    const width = (process.stderr.columns || DEFAULT_COLUMNS) - 1;
    process.stderr.write(`\r${progressLine(progress, width, this.#blocks)}\x1b[K\r`);
  }
}

/** Whether the locale, by the order in which POSIX looks at its variables, is of UTF-8. */
function showsBlocks(): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || "");
}
