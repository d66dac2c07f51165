/**
 * The results as rows of figures, and as tables for people.
 *
 * @module
 */
import { median, tableOf } from "../output.ts";
import type { Measured } from "./measure.ts";
import { REFERENCE } from "./participants.ts";
import type { Cell } from "./rounds.ts";

/** The result of a cell: medians of its rounds, and the slowest and the fastest of them. */
export type Row = ReturnType<typeof rowsOf>[number];

/** The rows of those cells that have results. */
export function rowsOf(cells: readonly Cell[]) {
  return cells.filter(({ rounds }) => rounds.length > 0).map((cell) => {
    const { mode, label, runtime, rounds, task: { depth } } = cell;
    const rates = rounds.map(({ rate }) => rate);
    const reference = cells.find(({ participant, ...other }) =>
      participant.name === REFERENCE && other.mode === mode && other.task.depth === depth
    )?.rounds ?? [];
    const ratios = reference.map(({ rate }, round) =>
      rates[round]! / rate
    );
    const medianOf = (figure: (measured: Measured) => number): number => median(rounds.map(figure));
    return {
      mode,
      depth,
      runtime: runtime ?? "",
      name: label,
      rate: median(rates),
      range: [Math.min(...rates), Math.max(...rates)] as const,
      cpu: medianOf(({ cpu }) => cpu),
      latency: {
        p50: medianOf(({ latency }) => latency.p50),
        p99: medianOf(({ latency }) => latency.p99),
        p999: medianOf(({ latency }) => latency.p999),
      },
      // Relative to the reference in the same round.
      ratio: ratios.length > 0 ? median(ratios) : undefined,
    };
  });
}

/** The heads of the columns of {@link cellsOf}, but for the range. */
export function headOf(write: boolean): string[] {
  const request = write ? "write" : "read";
  return ["depth", "", "", "k/s", `CPU µs/${request}`, "p50 µs", "p99", "p99.9", "× fio"];
}

/** The rows for people: a heading and a table for each mode. */
export function tablesOf(rows: readonly Row[], write: boolean): string[] {
  const request = write ? "write" : "read";
  const head = headOf(write);
  return (["direct", "cached"] as const).flatMap((mode) => {
    const some = rows.filter((row) => row.mode === mode);
    if (some.length === 0) return [];
    const ranges = some.some(({ range: [least, most] }) => least !== most) ? ["k/s range"] : [];
    const cells = some.map((row) => cellsOf(row).slice(0, head.length + ranges.length));
    const heading = mode === "direct" ? `O_DIRECT, ${request}s` : `Page cache, ${request}s`;
    return ["", heading, "", ...tableOf([[...head, ...ranges], ...cells], [1, 2])];
  });
}

/** A row as texts; the last one is the range of its rates. */
export function cellsOf({ depth, runtime, name, rate, cpu, latency, ratio, range }: Row): string[] {
  return [
    String(depth),
    runtime,
    name,
    digits(rate / 1000),
    cpu.toFixed(2),
    ...[latency.p50, latency.p99, latency.p999].map(digits),
    ratio === undefined ? "-" : ratio.toFixed(2),
    range.map((rate) => digits(rate / 1000)).join("…"),
  ];
}

/** Three digits that count, or all that are before the point. */
function digits(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

/** What could not be measured, and why; each reason once. */
export function absences(cells: readonly Cell[]): string[] {
  const lines = cells.filter(({ unavailable }) => unavailable !== undefined)
    .map(({ label, runtime = "", unavailable }) =>
      `Left out: ${`${runtime} ${label}`.trim()}: ${unavailable}`
    );
  return [...new Set(lines)];
}
