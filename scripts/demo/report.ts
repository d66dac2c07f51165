/**
 * The figures of the demo as a table and as bars, plain or in colour.
 *
 * @module
 */
import { styleText } from "node:util";
import { align, median } from "../../bench/output.ts";
import { grouped } from "../../src/cli/report.ts";
import type { RuntimeName } from "../run.mjs";

/** The figures of one scan of the file; `kaio scan --json` has more. */
export interface Figures {
  readonly megabytesPerSecond: number;
  readonly readsPerSecond: number;
  readonly cpuMicrosecondsPerRead: number;
}

/** A runtime, with the figures of each round. */
export interface Runtime {
  readonly runtime: RuntimeName;
  /** With its version. */
  name: string;
  readonly kaio: Figures[];
  readonly own: Figures[];
}

const BAR_WIDTH = 46;

export const bold = (text: string): string => styleText("bold", text);
export const dim = (text: string): string => styleText("dim", text);
const green = (text: string): string => styleText("green", text);

function medians({ kaio, own }: Runtime, figure: keyof Figures) {
  return {
    kaio: median(kaio.map((round) => round[figure])),
    own: median(own.map((round) => round[figure])),
    // Within a round, because a machine is not as fast in one as in the next
    ratio: median(kaio.map((round, index) => round[figure] / own[index]![figure])),
  };
}

/** The columns of both sides. */
const COLUMNS: readonly (readonly [name: string, figure: keyof Figures, digits: number])[] = [
  ["MB/s", "megabytesPerSecond", 0],
  ["reads/s", "readsPerSecond", 0],
  ["CPU µs", "cpuMicrosecondsPerRead", 1],
];

/** Lines of at most 80 characters. */
export function table(runtimes: readonly Runtime[]): string[] {
  const names = COLUMNS.map(([name]) => name);
  const rows = runtimes.map((runtime) => {
    const side = (who: "kaio" | "own") =>
      COLUMNS.map(([, figure, digits]) => grouped(medians(runtime, figure)[who], digits));
    const ratio = (figure: keyof Figures, digits: number) =>
      `× ${grouped(medians(runtime, figure).ratio, digits)}`;
    const ratios = [ratio("megabytesPerSecond", 1), ratio("cpuMicrosecondsPerRead", 2)];
    return [runtime.name, ...side("kaio"), "", ...side("own"), "", ...ratios];
  });
  const head = ["", ...names, "", ...names, "", "speed", "CPU"];
  const speed = head.indexOf("speed");
  const [heading, ...lines] = align([head, ...rows], [0]);
  const title = (text: string, column: number) =>
    bold(text.padEnd(heading!.slice(column, column + 3).join("  ").length + 2));
  const titles = [heading![0], title("kaio scan", 1), title("FileHandle.read", 5)];
  return [
    [...titles, bold("kaio : own")].join("  "),
    dim(heading!.join("  ")),
    ...lines.map((cells) => cells.with(speed, bold(green(cells[speed]!))).join("  ")),
  ];
}

/** Two bars for each runtime. */
export function bars(runtimes: readonly Runtime[]): string[] {
  const speeds = runtimes.map((runtime) => medians(runtime, "megabytesPerSecond"));
  const most = Math.max(...speeds.flatMap(({ kaio, own }) => [kaio, own]));
  const width = Math.max(...runtimes.map(({ name }) => name.length));
  const bar = (value: number) => "█".repeat(Math.max(1, Math.round(value / most * BAR_WIDTH)));
  return speeds.flatMap(({ kaio, own }, index) => [
    `${runtimes[index]!.name.padEnd(width)}  kaio  ${green(bar(kaio))} ${grouped(kaio)} MB/s`,
    `${" ".repeat(width)}  own   ${dim(bar(own))} ${grouped(own)}`,
  ]);
}
