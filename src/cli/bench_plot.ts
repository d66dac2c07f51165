import { open, rm } from "node:fs/promises";
import { basename } from "node:path";
import type { BenchResult, BenchRow } from "./bench.ts";
import { grouped } from "./report.ts";

/** The size of the picture, and where in it the lines are. */
const WIDTH = 720;
const HEIGHT = 400;
const PLOT = { left: 90, right: 690, top: 80, bottom: 330 };

/** Each can be told from the others by its dashes alone, and seen on white and on black. */
const STYLES: Readonly<Record<BenchRow["by"], { color: string; dashes: string }>> = {
  kaio: { color: "#1f83e0", dashes: "none" },
  fs: { color: "#d2691e", dashes: "6 4" },
  fio: { color: "#808080", dashes: "2 3" },
};

/**
 * Draws the result of a measurement to a file that it makes.
 *
 * @param path The file, which must not exist.
 * @param measure Gives the result. The file is made before, so that a name that cannot be written
 * costs nobody the time of a measurement.
 * @returns The result.
 * @throws {Error} If the file exists or cannot be written, or the measurement fails: the file is then
 * removed.
 */
export async function withPlot(
  path: string,
  measure: () => Promise<BenchResult>,
): Promise<BenchResult> {
  const file = await open(path, "wx");
  try {
    try {
      const result = await measure();
      await file.writeFile(benchPlot(result));
      return result;
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path);
    throw error;
  }
}

/** What a plot shows of a result. */
export type Plotted = Pick<BenchResult, "file" | "write" | "direct" | "runtime" | "kernel"> & {
  readonly rows: readonly Pick<BenchRow, "depth" | "by" | "iops">[];
};

/** The requests per second over the depth, as an SVG document. */
export function benchPlot({ file, write, direct, runtime, kernel, rows }: Plotted): string {
  const { left, right, top, bottom } = PLOT;
  const depths = [...new Set(rows.map(({ depth }) => depth))];
  const [least, most] = [Math.log2(depths[0]!), Math.log2(depths.at(-1)!)];
  // A single depth is in the middle.
  const x = (depth: number): number =>
    most === least
      ? (left + right) / 2
      : left + (right - left) * (Math.log2(depth) - least) / (most - least);
  const best = Math.max(...rows.map(({ iops }) => iops));
  const step = roundStep(Math.max(best / 5, 1));
  const ticks = Array.from({ length: Math.ceil(best / step) + 1 }, (_, at) => at * step);
  const y = (iops: number): number => bottom - (bottom - top) * iops / ticks.at(-1)!;
  const about = [direct ? "O_DIRECT" : "page cache", runtime, `${kernel} kernel`, basename(file)];
  const lines = [
    text(20, 28, `Random ${write ? "writes" : "reads"} of 4 KiB per second`, `font-size="17"`),
    text(20, 50, about.join(", ")),
    ...ticks.flatMap((iops) => [
      `<path d="M${left} ${fixed(y(iops))}H${right}" stroke="#808080" stroke-opacity="0.4"/>`,
      text(left - 10, y(iops) + 4, grouped(iops), `text-anchor="end"`),
    ]),
    ...depths.map((depth) => text(x(depth), bottom + 22, String(depth), `text-anchor="middle"`)),
    text(right, bottom + 46, "requests in flight", `text-anchor="end"`),
  ];
  Object.entries(STYLES).forEach(([by, { color, dashes }], at) => {
    const own = rows.filter((row) => row.by === by);
    if (own.length === 0) return;
    const points = own.map(({ depth, iops }) => `${fixed(x(depth))},${fixed(y(iops))}`);
    const stroke = `stroke="${color}" stroke-width="2.5" stroke-dasharray="${dashes}"`;
    const key = left + 90 * at;
    lines.push(
      `<polyline points="${points.join(" ")}" fill="none" ${stroke}/>`,
      ...own.map(({ depth, iops }) =>
        `<circle cx="${fixed(x(depth))}" cy="${fixed(y(iops))}" r="3.5" fill="${color}"/>`
      ),
      `<path d="M${key} ${bottom + 42}h30" ${stroke}/>`,
      text(key + 38, bottom + 46, by),
    );
  });
  const size = `viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}"`;
  const font = `font-family="sans-serif" font-size="13" fill="#767676"`;
  return [`<svg xmlns="http://www.w3.org/2000/svg" ${size} ${font}>`, ...lines, "</svg>\n"]
    .join("\n");
}

/** The next larger of 1, 2, 5, 10, 20, 50 and so on. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= least)!;
}

function text(x: number, y: number, content: string, attributes = ""): string {
  const place = `x="${fixed(x)}" y="${fixed(y)}"`;
  return `<text ${`${place} ${attributes}`.trim()}>${escaped(content)}</text>`;
}

function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** A name of a file may have characters that XML knows otherwise, or not at all. */
function escaped(content: string): string {
  return content.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`)
    .replace(/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/gu, "\uFFFD");
}
