import { columns } from "./columns.ts";
import { grouped } from "./grouped.ts";
import type { ScanResult, SqliteResult } from "./scan_result.ts";
import { PAGE_KIND_LABELS, PAGE_KINDS } from "./sqlite/page_kind.ts";

/** The problems that are listed. */
const LISTED = 10;

/**
 * The result of a scan for people.
 *
 * @param result The result.
 * @returns Some lines, each with its line end.
 */
export function scanReport(result: ScanResult): string {
  const lines = figures(result);
  if (result.sqlite !== undefined) {
    lines.push("", ...census(result.sqlite), "", ...problems(result.sqlite));
  }
  if (result.notes.length > 0) lines.push("", ...result.notes.map((note) => `Note: ${note}`));
  return lines.join("\n") + "\n";
}

function figures(result: ScanResult): string[] {
  const { bytes, reads, block, depth, seconds, direct, kernel, runtime } = result;
  const rows = [
    ["File", result.file],
    ["Read", `${grouped(bytes)} bytes in ${counted(reads, "read")} of ${grouped(block)}`],
    ["Depth", counted(depth, "read") + " in flight at most"],
    ["Direct I/O", direct ? "yes" : "no"],
    ["Time", `${grouped(seconds, 3)} s`],
    ["Speed", `${grouped(result.megabytesPerSecond, 1)} MB/s`],
    ["", `${grouped(result.readsPerSecond)} reads/s`],
    ["CPU", `${grouped(result.cpuMicrosecondsPerRead, 2)} µs per read`],
    ["Kernel", kernel],
    ["Runtime", runtime],
  ];
  return rows.map(([label, text]) => `${label!.padEnd(12)}${text}`);
}

function census(sqlite: SqliteResult): string[] {
  const { pageSize, pageCount, pages } = sqlite;
  const row = (label: string, count: number): string[] => [
    label,
    grouped(count),
    `${grouped(pageCount === 0 ? 0 : count / pageCount * 100, 2)} %`,
    grouped(count * pageSize),
  ];
  const [unreferenced, ...others] = PAGE_KINDS;
  const kinds = [...others, unreferenced!].filter((kind) => pages[kind] > 0);
  const lines = columns([
    ["SQLite pages", "Pages", "Share", "Bytes"],
    ...kinds.map((kind) => row(PAGE_KIND_LABELS[kind], pages[kind])),
    row("total", pageCount),
  ], "   ");
  const rule = "-".repeat(lines[0]!.length);
  return [lines[0]!, rule, ...lines.slice(1, -1), rule, lines.at(-1)!];
}

function problems(sqlite: SqliteResult): string[] {
  const { problemCount, problems } = sqlite;
  if (problemCount === 0) return ["No problems found"];
  const listed = problems.slice(0, LISTED).map((problem) => `  ${problem}`);
  const rest = problemCount - listed.length;
  return [
    `${counted(problemCount, "problem")} found:`,
    ...listed,
    ...rest > 0 ? [`  and ${grouped(rest)} more`] : [],
  ];
}

function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}
