/**
 * The results as a table, and as JSON.
 *
 * @module
 */
import { REFERENCE } from "./catalog.ts";
import type { Measured } from "./measure.ts";
import type { Mode } from "./options.ts";
import type { Cell } from "./rounds.ts";

/** The result of a cell: medians of its rounds. */
export interface Row extends Measured {
  /** Past the page cache or out of it. */
  readonly mode: Mode;
  /** How many requests are in flight. */
  readonly depth: number;
  /** `bun`, `deno` or `node`; nothing for fio. */
  readonly runtime: string;
  /** The participant. */
  readonly name: string;
  /** The slowest and the fastest round, in requests per second. */
  readonly range: readonly [number, number];
  /** The rate against that of the reference in the same round; `undefined` without one. */
  readonly ratio: number | undefined;
}

/** The rows of those cells that have results. */
export function rowsOf(cells: readonly Cell[], write: boolean): Row[] {
  return cells.filter(({ rounds }) => rounds.length > 0).map((cell) => {
    const { mode, depth, entry, runtime, rounds } = cell;
    const rates = rounds.map(({ rate }) => rate);
    const reference = cells.find((other) =>
      other.entry.name === REFERENCE && other.mode === mode && other.depth === depth
    )?.rounds ?? [];
    const ratios = rates.flatMap((rate, round) =>
      reference[round] === undefined ? [] : [rate / reference[round].rate]
    );
    return {
      mode,
      depth,
      runtime: runtime ?? "",
      name: (write ? entry.writes : entry.reads)!,
      rate: median(rates),
      range: [Math.min(...rates), Math.max(...rates)],
      cpu: median(rounds.map(({ cpu }) =>
        cpu
      )),
      latency: {
        p50: median(rounds.map(({ latency }) => latency.p50)),
        p99: median(rounds.map(({ latency }) => latency.p99)),
        p999: median(rounds.map(({ latency }) => latency.p999)),
      },
      ratio: ratios.length > 0 ? median(ratios) : undefined,
    };
  });
}

/**
 * The rows for people.
 *
 * @param rows The rows
 * @param write Whether they are of writes
 * @returns Lines, a heading and a table for each mode
 */
export function tableOf(rows: readonly Row[], write: boolean): string[] {
  const request = write ? "write" : "read";
  const modes = [...new Set(rows.map(({ mode }) => mode))];
  return modes.flatMap((mode) => [
    "",
    mode === "direct" ? `O_DIRECT, ${request}s` : `Page cache, ${request}s`,
    "",
    ...sectionsOf(rows.filter((row) => row.mode === mode), request),
  ]);
}

/** A rule between one depth and the next. */
function sectionsOf(rows: readonly Row[], request: string): string[] {
  const ranges = rows.some(({ range: [least, most] }) => least !== most);
  const head = ["depth", "", "", "k/s", `CPU µs/${request}`, "p50 µs", "p99", "p99.9", "× fio"];
  const lines = align([
    ranges ? [...head, "k/s range"] : head,
    ...rows.map((row) => ranges ? [...cellsOf(row), rangeOf(row)] : cellsOf(row)),
  ]);
  const rule = "-".repeat(lines[0]!.length);
  return lines.flatMap((line, index) =>
    index > 0 && rows[index - 1]!.depth !== rows[index - 2]?.depth ? [rule, line] : [line]
  );
}

function cellsOf({ depth, runtime, name, rate, cpu, latency, ratio }: Row): string[] {
  return [
    String(depth),
    runtime,
    name,
    digits(rate / 1000),
    cpu.toFixed(2),
    digits(latency.p50),
    digits(latency.p99),
    digits(latency.p999),
    ratio === undefined ? "-" : ratio.toFixed(2),
  ];
}

function rangeOf({ range }: Row): string {
  return range.map((rate) => digits(rate / 1000)).join("…");
}

/** Three digits that count, or all that are before the point. */
function digits(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

/** Columns one and two of names to the left, those of figures to the right. */
function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((text, column) =>
      column === 1 || column === 2 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)
    ).join("  ")
  );
}

/**
 * What could not be measured, and why; each reason once.
 *
 * @param cells The cells
 * @param write Whether they are of writes
 * @returns One line for each
 */
export function absences(cells: readonly Cell[], write: boolean): string[] {
  const lines = cells.flatMap(({ entry, runtime, unavailable }) => {
    const name = `${runtime ?? ""} ${write ? entry.writes : entry.reads}`.trim();
    return unavailable === undefined ? [] : [`Left out: ${name}: ${unavailable}`];
  });
  return [...new Set(lines)];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}
