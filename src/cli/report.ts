/**
 * The results of the commands as text for people, whole lines each.
 *
 * @module
 */
import type { BenchResult, BenchRow } from "./bench.ts";
import type { FileResult, ProbeResult } from "./probe.ts";
import type { Finding } from "./probe_calls.ts";
import { filledBar, showsBlocks } from "./progress_bar.ts";
import type { ScanResult } from "./scan.ts";
import { PAGE_KINDS, type PageKind } from "./sqlite/page_map.ts";
import type { SqliteResult } from "./sqlite/take_census.ts";
import { wrap } from "./wrap.ts";

/** How many problems of a database are listed. */
const LISTED = 10;
/** The longest bar beside a row of a table, and the shortest. */
const LONGEST_BAR = 40;
const SHORTEST_BAR = 8;
/** What the bars of those beside kaio are made of: in a terminal with block characters, and without. */
const OTHER_BARS = { fs: ["▒", "-"], fio: ["░", "."] } as const;
/** The columns of a bench that a narrow terminal shows: depth, rate, CPU and p99. */
const NARROW = [0, 1, 3, 5];

const KERNELS = {
  none: "none: kaio cannot be used here",
  linux: "linux: the system calls of this machine",
  portable: "portable: the same in TypeScript, over node:fs",
};

/** What is tried of a kernel, where its name alone says too little. */
const LABELS: Readonly<Record<string, string>> = { ring: "Ring in memory", eventfd: "Wake-ups" };

/** A label and its text; a row without a text is left out. */
type Row = readonly [label: string, text: string | undefined];

/** The result of a scan, for a terminal of so many columns. */
export function scanReport(result: ScanResult, width: number): string {
  const { bytes, reads, block, depth, seconds, sqlite, notes } = result;
  const figures = labelled([[
    ["File", result.file],
    ["Read", `${grouped(bytes)} bytes in ${counted(reads, "read")} of ${grouped(block)}`],
    ["Depth", `${counted(depth, "read")} in flight at most`],
    ["Direct I/O", result.direct ? "yes" : "no"],
    ["Time", `${grouped(seconds, 3)} s`],
    ["Speed", `${grouped(result.megabytesPerSecond, 1)} MB/s`],
    ["", `${grouped(result.readsPerSecond)} reads/s`],
    ["CPU", `${grouped(result.cpuMicrosecondsPerRead, 2)} µs per read`],
    ["Kernel", result.kernel],
    ["Runtime", result.runtime],
  ]], width);
  const census = sqlite ? [censusTable(sqlite, width), problemList(sqlite, width)] : [];
  return paragraphs([...figures, ...census, remarks("Note", notes, width)]);
}

/** The result of a measurement, for a terminal of so many columns. */
export function benchReport(result: BenchResult, width: number): string {
  const { size, block, rows, notes } = result;
  const figures = labelled([[
    ["File", result.file],
    ["Size", `${grouped(size)} bytes`],
    [result.write ? "Written" : "Read", `blocks of ${grouped(block)} bytes at random positions`],
    ["Direct I/O", result.direct ? "yes" : "no"],
    ["Time", `${grouped(result.seconds, 2)} s a row, medians of ${result.rounds} rounds`],
    ["Kernel", result.kernel],
    ["Runtime", result.runtime],
  ]], width);
  const lines = [benchTable(rows, width), remarks("Note", notes, width)];
  return paragraphs([...figures, ...lines, remarks("Advice", adviceOf(result), width)]);
}

/** A single depth says nothing of others. */
function adviceOf({ rows, enough }: BenchResult): string[] {
  const deepest = rows.at(-1)!.depth;
  if (rows[0]!.depth === deepest) return [];
  if (enough === deepest) return [`The rate still rises at ${deepest} requests in flight`];
  const keep = `Keep ${counted(enough, "request")} in flight`;
  return [`${keep}: beyond that the rate rises by less than 5 percent, and all wait longer`];
}

/** A row for each depth and participant, with bars as long as the rates where there is room for them. */
function benchTable(rows: readonly BenchRow[], width: number): string[] {
  const table = [
    ["Depth", "IOPS", "MB/s", "CPU µs", "p50 µs", "p99 µs", "p99.9 µs"],
    ...rows.map(({ depth, by, ...figures }) => [
      `${(by === "kaio" ? grouped(depth) : "").padStart(5)} ${by}`,
      grouped(figures.iops),
      ...[figures.megabytesPerSecond, figures.cpuMicrosecondsPerRequest, figures.p50]
        .map((figure) => grouped(figure, 1)),
      ...[figures.p99, figures.p999].map((figure) => grouped(figure)),
    ]),
  ];
  const whole = alignedRows(table, 2);
  const [heading, ...lines] = whole[0]!.length <= width
    ? whole
    : alignedRows(table.map((row) => NARROW.map((column) => row[column]!)), 2);
  const room = Math.min(width - heading!.length - 2, LONGEST_BAR);
  const best = Math.max(...rows.map(({ iops }) => iops));
  const blocks = showsBlocks();
  const barOf = ({ by, iops }: BenchRow): string => {
    if (room < SHORTEST_BAR) return "";
    if (by === "kaio") return `  ${filledBar(iops / best, room, blocks)}`;
    return `  ${OTHER_BARS[by][blocks ? 0 : 1].repeat(Math.round(room * iops / best))}`;
  };
  return [
    heading!,
    "-".repeat(heading!.length),
    ...lines.map((line, at) => (line + barOf(rows[at]!)).trimEnd()),
  ];
}

/** What a probe found, for a terminal of so many columns. */
export function probeReport(result: ProbeResult, width: number): string {
  const { kernel = "none", reason, limits, runtime, system, calls, file, advice } = result;
  const taken = limits === undefined
    ? "unknown: fs.aio-max-nr cannot be read"
    : `${grouped(limits.aioNr)} of ${grouped(limits.aioMaxNr)} taken`;
  const rows = labelled([
    [
      ["Kernel", KERNELS[kernel]],
      ["Why", reason],
      ["Runtime", runtime],
      ["System", system],
      ["Requests", calls && taken],
    ],
    Object.entries(calls ?? {}).map(([call, finding]) => [LABELS[call] ?? call, verdict(finding)]),
    file === undefined ? [] : fileRows(file),
  ], width);
  return paragraphs([...rows, remarks("Advice", advice, width)]);
}

function fileRows({ path, size, direct, alignment, nowait }: FileResult): Row[] {
  const unknown = "unknown: the system does not say, so kaio takes 4,096 bytes";
  const asked = direct.works ? alignment : undefined;
  return [
    ["File", path],
    ["Size", `${grouped(size)} bytes`],
    ["RWF_NOWAIT", verdict(nowait)],
    ["O_DIRECT", verdict(direct)],
    ["Alignment", direct.works && !alignment ? unknown : undefined],
    ["  memory", asked && `${grouped(asked.memory)} bytes`],
    ["  reads", asked && `${grouped(asked.readOffset)} bytes`],
    ["  writes", asked && `${grouped(asked.offset)} bytes`],
  ];
}

function verdict({ works, note }: Finding): string {
  return [works ? "yes" : "no", ...note === undefined ? [] : [note]].join(": ");
}

function censusTable(result: SqliteResult, width: number): string[] {
  if (result.pages === undefined) return [];
  const { pageSize, pageCount, pages } = result;
  const row = (label: string, count: number): string[] => [
    label,
    grouped(count),
    `${grouped(pageCount === 0 ? 0 : count / pageCount * 100, 2)} %`,
    grouped(count * pageSize),
  ];
  const { unreferenced, ...others } = PAGE_KINDS;
  const rows = [
    ["SQLite pages", "Pages", "Share", "Bytes"],
    ...Object.entries({ ...others, unreferenced })
      .filter(([kind]) => pages[kind as PageKind] > 0)
      .map(([kind, label]) => row(label, pages[kind as PageKind])),
    row("total", pageCount),
  ];
  // The bytes say least: they are the pages times one number.
  const narrow = rows.map((row) => row.slice(0, -1));
  const tables = [alignedTable(rows, 3), alignedTable(rows, 2), alignedTable(narrow, 3)];
  return tables.find(([line]) => line!.length <= width) ?? alignedTable(narrow, 2);
}

/** A table with a heading and a last row of totals. */
function alignedTable(rows: readonly string[][], gap: number): string[] {
  const lines = alignedRows(rows, gap);
  const rule = "-".repeat(lines[0]!.length);
  return [lines[0]!, rule, ...lines.slice(1, -1), rule, lines.at(-1)!];
}

/** Rows with their columns under each other; all but the first column hold numbers. */
function alignedRows(rows: readonly string[][], gap: number): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map(([label, ...cells]) =>
    [label!.padEnd(widths[0]!), ...cells.map((cell, at) => cell.padStart(widths[at + 1]!))]
      .join(" ".repeat(gap))
  );
}

function problemList({ problemCount, problems }: SqliteResult, width: number): string[] {
  if (problemCount === 0) return ["No problems found"];
  const listed = problems.slice(0, LISTED);
  const lines = listed.flatMap((problem) => wrap(`  ${problem}`, width, 4));
  const rest = problemCount - listed.length;
  const more = rest > 0 ? [`  and ${grouped(rest)} more`] : [];
  return [`${counted(problemCount, "problem")} found:`, ...lines, ...more];
}

function remarks(label: string, texts: readonly string[], width: number): string[] {
  return texts.flatMap((text) => wrap(`${label}: ${text}`, width, 2));
}

/** Lines for rows in paragraphs, with all texts in one column. */
function labelled(paragraphs: readonly (readonly Row[])[], width: number): string[][] {
  const shown = paragraphs.map((rows) => rows.filter(([, text]) => text !== undefined));
  const column = Math.max(...shown.flat().map(([label]) => label.length)) + 2;
  return shown.map((rows) =>
    rows.flatMap(([label, text]) => wrap(label.padEnd(column) + text, width, column))
  );
}

/** Sets an empty line between paragraphs; those without lines are left out. */
function paragraphs(paragraphs: readonly (readonly string[])[]): string {
  return paragraphs
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n") + "\n")
    .join("\n");
}

/** A number with a comma at each thousand. */
export function grouped(value: number, digits = 0): string {
  const fraction = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString("en-US", fraction);
}

/** A count with its noun. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}
