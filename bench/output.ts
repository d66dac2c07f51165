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

/** Rows of texts. */
export type Rows = readonly (readonly string[])[];

/**
 * Pads the texts of each column to the same width.
 *
 * @param rows The rows, the heading first
 * @param names The columns of names, which are aligned to the left; figures are to the right
 */
export function align(rows: Rows, names: readonly number[]): string[][] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((text, column) =>
      names.includes(column) ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)
    )
  );
}

/** Lines of a table, as {@link align}, with a rule wherever the first column changes. */
export function tableOf(rows: Rows, names: readonly number[]): string[] {
  return align(rows, names).flatMap((texts, index) => {
    const line = texts.join("  ");
    const changes = index > 0 && rows[index]![0] !== rows[index - 1]![0];
    return changes ? ["-".repeat(line.length), line] : [line];
  });
}

/** One line of the terminal, written over and over; nothing where there is no terminal. */
export function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
