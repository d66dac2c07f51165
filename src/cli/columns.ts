/**
 * Sets rows under each other: the first column to the left, all others to the right.
 *
 * @param rows The rows, all of one length.
 * @param gap What stands between two columns.
 * @returns One line a row, without line ends.
 */
export function columns(rows: readonly (readonly string[])[], gap = "  "): string[] {
  const widths = rows[0]?.map((_, index) => Math.max(...rows.map((row) => row[index]!.length)));
  return rows.map((row) =>
    row.map((cell, index) =>
      index === 0 ? cell.padEnd(widths![index]!) : cell.padStart(widths![index]!)
    ).join(gap)
  );
}
