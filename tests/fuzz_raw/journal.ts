import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { Buffer } from "node:buffer";

const LINES = 64;
const LINE_SIZE = 512;
/** How many of the last calls are shown. */
const LAST = 12;

/** The last calls, in a file: what a process that crashes leaves behind. */
export class Journal implements Disposable {
  readonly #fd: number;
  readonly #line: Buffer = Buffer.alloc(LINE_SIZE);
  #count = 0;

  /** @param path The file, made anew */
  constructor(path: string) {
    this.#fd = openSync(path, "w");
  }

  /** Notes what is about to be done. */
  note(text: string): void {
    this.#line.fill(0x20);
    this.#line.write(`${this.#count} ${text}`, 0, LINE_SIZE - 1);
    this.#line[LINE_SIZE - 1] = 0x0a;
    writeSync(this.#fd, this.#line, 0, LINE_SIZE, (this.#count++ % LINES) * LINE_SIZE);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** The last calls of a journal, each a line, the latest at the end. */
export function lastCalls(path: string): string {
  const lines = readFileSync(path, "utf8").split("\n").map((line) => line.trimEnd())
    .filter((line) => line !== "").sort((a, b) => parseInt(a) - parseInt(b));
  return lines.slice(-LAST).join("\n");
}
