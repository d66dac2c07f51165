// @ts-check
/**
 * The figures of the demo as a table and as bars, plain or in colour.
 *
 * @module
 */

/**
 * What one scan of the file says of itself; `kaio scan --json` says more.
 *
 * @typedef {{
 *   bytes: number,
 *   megabytesPerSecond: number,
 *   readsPerSecond: number,
 *   cpuMicrosecondsPerRead: number,
 * }} Figures
 */

/** @typedef {{ name: string, kaio: Figures[], own: Figures[] }} Runtime One figure a round. */

const BAR_WIDTH = 46;

/** Escape codes, where they are understood and wanted. */
export const colourful = process.stdout.isTTY === true && !process.env.NO_COLOR;

/**
 * @param {number} code of SGR
 * @returns {(text: string) => string}
 */
const style = (code) => (text) => colourful ? `\x1b[${code}m${text}\x1b[0m` : text;

export const bold = style(1);
export const dim = style(2);
const green = style(32);

/**
 * @param {readonly number[]} values
 * @returns {number}
 */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (Number(sorted[Math.floor(middle)]) + Number(sorted[Math.ceil(middle)])) / 2;
}

/**
 * @param {number} value
 * @param {number} [digits] after the point
 */
export function grouped(value, digits = 0) {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/**
 * @param {Runtime} runtime
 * @param {keyof Figures} figure
 */
function medians({ kaio, own }, figure) {
  return {
    kaio: median(kaio.map((round) => round[figure])),
    own: median(own.map((round) => round[figure])),
    // Within a round, because a machine is not as fast in one as in the next
    ratio: median(kaio.map((round, index) => round[figure] / Number(own[index]?.[figure]))),
  };
}

/**
 * @param {readonly Runtime[]} runtimes
 * @returns {string[]} lines of at most 80 characters
 */
export function table(runtimes) {
  const head = ["", "MB/s", "reads/s", "CPU µs", "MB/s", "reads/s", "CPU µs", "speed", "CPU"];
  const rows = runtimes.map((runtime) => {
    const speed = medians(runtime, "megabytesPerSecond");
    const reads = medians(runtime, "readsPerSecond");
    const cpu = medians(runtime, "cpuMicrosecondsPerRead");
    return [
      runtime.name,
      grouped(speed.kaio),
      grouped(reads.kaio),
      grouped(cpu.kaio, 1),
      grouped(speed.own),
      grouped(reads.own),
      grouped(cpu.own, 1),
      `× ${grouped(speed.ratio, 1)}`,
      `× ${grouped(cpu.ratio, 2)}`,
    ];
  });
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => Number(row[column]?.length)))
  );
  /** @param {string[]} row */
  const line = (row) =>
    row.map((cell, column) => {
      const text = column === 0
        ? cell.padEnd(Number(widths[column]))
        : cell.padStart(Number(widths[column]));
      return (column === 4 || column === 7 ? "    " : column === 0 ? "" : "  ") +
        (column === 7 && row !== head ? bold(green(text)) : text);
    }).join("");
  /**
   * @param {number} from
   * @param {number} to
   */
  const span = (from, to) => widths.slice(from, to).reduce((sum, width) => sum + width + 2, 0) - 2;
  const titles = " ".repeat(Number(widths[0])) + "  " + bold("kaio scan".padEnd(span(1, 4))) +
    "    " + bold("FileHandle.read".padEnd(span(4, 7))) + "    " + bold("kaio : own");
  return [titles, dim(line(head)), ...rows.map(line)];
}

/**
 * @param {readonly Runtime[]} runtimes
 * @returns {string[]} two bars for each
 */
export function bars(runtimes) {
  const speeds = runtimes.map((runtime) => medians(runtime, "megabytesPerSecond"));
  const most = Math.max(...speeds.flatMap(({ kaio, own }) => [kaio, own]));
  const width = Math.max(...runtimes.map(({ name }) => name.length));
  /** @param {number} value */
  const bar = (value) => "█".repeat(Math.max(1, Math.round(value / most * BAR_WIDTH)));
  return runtimes.flatMap(({ name }, index) => {
    const { kaio = 0, own = 0 } = speeds[index] ?? {};
    return [
      `${name.padEnd(width)}  kaio  ${green(bar(kaio))} ${grouped(kaio)} MB/s`,
      `${" ".repeat(width)}  own   ${dim(bar(own))} ${grouped(own)}`,
    ];
  });
}
