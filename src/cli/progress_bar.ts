import process from "node:process";
import { environment } from "../../ffi/permission.ts";

/** The most bytes between two looks at the clock. */
const STRIDE = 256 * 1024;
/** The least looks at the clock of a whole job. */
const LOOKS = 100;
/** The milliseconds between two drawings. */
const INTERVAL = 100;
/** The width of a terminal that does not say how wide it is. */
const DEFAULT_COLUMNS = 80;
/** The longest bar; beyond that it shows nothing more. */
const MAXIMUM_BAR = 60;
/** A shorter bar is left out. */
const MINIMUM_BAR = 8;

/** What the bar is drawn on. */
type Terminal = Pick<NodeJS.WriteStream, "isTTY" | "columns"> & { write(text: string): unknown };

/**
 * A progress bar on standard error: one line, drawn at most ten times a second. Nothing is drawn
 * where standard error is not a terminal. The cursor stays visible and stays at the beginning of the
 * line, so there is nothing to put right if the process is ended.
 */
export class ProgressBar {
  #total: number;
  #stride: number;
  #terminal: Terminal;
  #now: () => number;
  #done = 0;
  #nextLook: number;
  #began: number;
  #nextDrawing: number;
  #shown = false;
  #blocks: boolean = showsBlocks();

  /** @param total All bytes to come, or all steps. */
  constructor(total: number, terminal: Terminal = process.stderr, now = () => performance.now()) {
    this.#total = total;
    this.#stride = Math.min(STRIDE, total / LOOKS);
    this.#terminal = terminal;
    this.#now = now;
    this.#nextLook = terminal.isTTY && environment("TERM") !== "dumb" ? this.#stride : Infinity;
    this.#began = now();
    this.#nextDrawing = this.#began + INTERVAL;
  }

  /** Counts more bytes as done, and draws if it is time; a text stands in place of the speed. */
  advance(bytes: number, text?: string): void {
    this.#done += bytes;
    if (this.#done < this.#nextLook) return;
    this.#nextLook = this.#done + this.#stride;
    const now = this.#now();
    if (now >= this.#nextDrawing) this.#draw(now, text);
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#shown) this.#terminal.write("\r\x1b[K");
    this.#shown = false;
  }

  #draw(now: number, text: string | undefined): void {
    this.#nextDrawing = now + INTERVAL;
    this.#shown = true;
    const seconds = (now - this.#began) / 1000;
    const progress = { done: this.#done, total: this.#total, seconds, text };
    // A line as wide as the terminal would make some terminals go to the next.
    const width = (this.#terminal.columns || DEFAULT_COLUMNS) - 1;
    this.#terminal.write(`\r${progressLine(progress, width, this.#blocks)}\x1b[K\r`);
  }
}

/** Whether the locale, by the order in which POSIX looks at its variables, is of UTF-8. */
export function showsBlocks(): boolean {
  const locale = environment("LC_ALL") || environment("LC_CTYPE") || environment("LANG");
  return /utf-?8/i.test(locale ?? "");
}

/**
 * One line that shows how much of a job is done: percent, a bar, speed and the remaining time. Where
 * the terminal is too narrow, the bar is left out first, then the figures.
 *
 * @param progress The bytes done, all bytes (above 0), the seconds since the beginning, and what to
 * show in place of the speed.
 * @param width The columns that the line may take.
 * @param blocks Whether the terminal can show block characters.
 * @returns The line, at most `width` characters.
 */
export function progressLine(
  { done, total, seconds, text }: {
    done: number;
    total: number;
    seconds: number;
    text?: string | undefined;
  },
  width: number,
  blocks: boolean,
): string {
  const fraction = Math.min(done / total, 1);
  const speed = seconds > 0 ? done / seconds : 0;
  const percent = `${Math.floor(fraction * 100)} %`.padStart(5);
  const shown = text ?? `${(speed / 1e6).toFixed(1)} MB/s`;
  const figures = `${shown}  ETA ${duration((total - done) / speed)}`;
  const room = Math.min(width - percent.length - figures.length - 4, MAXIMUM_BAR);
  if (room >= MINIMUM_BAR) return `${percent}  ${bar(fraction, room, blocks)}  ${figures}`;
  const narrow = `${percent}  ${figures}`;
  return narrow.length <= width ? narrow : percent.slice(0, Math.max(width, 0));
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

function bar(fraction: number, width: number, blocks: boolean): string {
  return filledBar(fraction, width, blocks).padEnd(width, blocks ? "░" : ".");
}

/** A bar that is as long as this share of the width. */
export function filledBar(fraction: number, width: number, blocks: boolean): string {
  const eighths = Math.floor(fraction * width * 8);
  const full = Math.floor(eighths / 8);
  return blocks ? "█".repeat(full) + EIGHTHS[eighths % 8] : "#".repeat(full);
}

function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "--:--";
  const whole = Math.ceil(seconds);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
