/**
 * What the benchmarks print.
 *
 * @module
 */
import process from "node:process";

/** The value in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}

/**
 * Lines of a table, with a rule wherever the first column changes.
 *
 * @param rows The rows, the heading first
 * @param names The columns of names, which are aligned to the left; figures are to the right
 */
export function tableOf(rows: readonly (readonly string[])[], names: readonly number[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.flatMap((row, index) => {
    const line = row.map((text, column) =>
      names.includes(column) ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)
    ).join("  ");
    const changes = index > 0 && row[0] !== rows[index - 1]![0];
    return changes ? ["-".repeat(line.length), line] : [line];
  });
}

/** One line of the terminal, written over and over; nothing where there is no terminal. */
export function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
