/**
 * Measures with `bench/iops.ts` in the three runtimes, and writes `bench/RESULTS.md` with tables and
 * plots.
 *
 *     npm run bench:results                               everything, in half an hour
 *     npm run bench:results -- --rounds 9 --seconds 2     the same with less chance, in three hours
 *     npm run bench:results -- --only disk                one section; the others stay as they are
 *     npm run bench:results -- --only ,                   none: writes the page anew
 *
 * The figures of a section are kept in `bench/results/`, with the machine and the versions, and the
 * page is made of all that is there.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { flags, must, root, runtimes } from "../scripts/run.mjs";
import type { BenchRow } from "../src/cli/bench.ts";
import { benchPlot } from "../src/cli/bench_plot.ts";
import { type Row, tablesOf } from "./iops/report.ts";
import { RUNTIMES } from "./runtimes.ts";
import { select } from "./selection.ts";
import { start } from "./start.ts";

/** One run of `bench/iops.ts`. */
interface Section {
  /** What `--only` and the files call it. */
  readonly name: string;
  readonly title: string;
  readonly args: readonly string[];
}

const KAIO = "kaio-batches,kaio-loop,kaio-read,kaio-many,kaio-readat";
const FIO = "fio-batch,fio-half,fio-uring,fio-fixed,fio-sqpoll,c-loop";

const SECTIONS: readonly Section[] = [
  {
    name: "memory",
    title: "Reads of memory (tmpfs), O_DIRECT",
    args: [
      ...["--tmpfs", "--direct", "--depth", "64", "--costs"],
      ...["--only", `kaio,js,fs-callback,${FIO}`],
    ],
  },
  {
    name: "disk",
    title: "Reads of a disk, O_DIRECT",
    args: [
      ...["--direct", "--depth", "1,16,64,256"],
      ...["--only", `${KAIO},js,fs-callback,fs-sync,${FIO}`],
    ],
  },
  {
    name: "cached",
    title: "Reads of the page cache",
    args: [
      ...["--cached", "--depth", "1,32", "--against", "fs-handle"],
      ...["--only", "kaio-read,kaio-buffer,kaio-readat,fs,bun,deno,fio-psync"],
    ],
  },
  {
    name: "writes",
    title: "Writes to a disk, O_DIRECT",
    args: [
      "--work",
      "write-4k",
      "--direct",
      "--depth",
      "1,64",
      "--only",
      `${KAIO},fs-callback,${FIO}`,
    ],
  },
];

/** What stays of a run. */
interface Kept {
  /** The machine, the versions and the file. */
  readonly about: readonly string[];
  readonly notes: readonly string[];
  readonly rows: readonly Row[];
}

/** Whose rates the plots show. */
const PLOTTED: Readonly<Record<string, BenchRow["by"]>> = {
  "kaio batches": "kaio",
  "fs.read": "fs",
  "fs.write": "fs",
  "fio libaio, reap, batch": "fio",
};

const FOLDER = join(root, "bench/results");
const PAGE = join(root, "bench/RESULTS.md");

const HELP = `Usage: npm run bench:results -- [options]

Measures with bench/iops.ts, and writes bench/RESULTS.md with tables and plots.
All sections take half an hour; with --rounds 9 --seconds 2, three hours.

  --only NAME,…       some of the sections, the others stay as they are; ","
                      measures none: ${SECTIONS.map(({ name }) => name).join(", ")}
  --rounds 3          how often; every round runs all participants, and medians
                      are shown
  --seconds 0.4       how long each cell is measured
  --runtimes bun,…    in which runtimes (default: all three)
  --help              this text
`;

await start(async () => {
  const options = parseOptions();
  if (options.help) return console.log(HELP.trimEnd());
  const wanted = options.only === "," ? [] : select(SECTIONS, options.only);
  mkdirSync(FOLDER, { recursive: true });
  for (const section of wanted) measure(section, options);
  writeFileSync(PAGE, pageOf(SECTIONS.filter(({ name }) => existsSync(fileOf(name)))));
  await must(runtimes.deno, ["fmt", "--quiet", PAGE, FOLDER]);
});

function parseOptions() {
  return parseArgs({
    options: {
      only: { type: "string", default: "" },
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "0.4" },
      runtimes: { type: "string", default: "bun,deno,node" },
      help: { type: "boolean", default: false },
    },
  }).values;
}

/** Where the figures of a section are kept. */
function fileOf(name: string): string {
  return join(FOLDER, `${name}.json`);
}

/** Measures a section; only its figures are kept, not the place of the file. */
function measure({ name, args }: Section, options: ReturnType<typeof parseOptions>): void {
  const { rounds, seconds, runtimes: where } = options;
  const command = [...flags.node, "bench/iops.ts", "--json", ...args];
  command.push("--rounds", rounds, "--seconds", seconds, "--runtimes", where);
  const { status, stdout } = spawnSync(runtimes.node, command, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: Infinity,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`bench/iops.ts failed in ${name}: exit code ${status}`);
  const { about, notes, rows }: Kept = JSON.parse(stdout.slice(stdout.indexOf("{")));
  writeFileSync(fileOf(name), JSON.stringify({ about, notes, rows }, null, 2));
}

function pageOf(sections: readonly Section[]): string {
  const parts = sections.map(({ name, title, args }) => {
    const { about, notes, rows }: Kept = JSON.parse(readFileSync(fileOf(name), "utf8"));
    const write = args.includes("write-4k");
    return [
      `## ${title}`,
      about.map((line) => `- ${line}`).join("\n"),
      plotsOf(name, rows, write),
      ...tablesOf(rows).flatMap(({ title, rows: [head, ...cells] }) => [
        title,
        [head!, head!.map(() => "---"), ...cells].map(lineOf).join("\n"),
      ]),
      notes.join("\n"),
    ].join("\n\n");
  });
  const intro = "Written by [`results.ts`](results.ts). Each section is one run: its participants" +
    " take turns, and its figures are medians of the rounds. Rates differ between machines and" +
    " between runs; compare the ratios within a section. The plots show kaio in batches, `fs.read`" +
    " or `fs.write` with callbacks, and fio in batches over libaio.";
  return ["# Results", intro, ...parts, ""].join("\n\n");
}

function lineOf(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** Draws a plot by depth for each runtime beside the figures, and returns the links to them. */
function plotsOf(name: string, rows: readonly Row[], write: boolean): string {
  if (rows.every(({ depth }) => depth === rows[0]!.depth)) return "";
  return RUNTIMES.filter(({ name: runtime }) => rows.some((row) => row.runtime === runtime))
    .map(({ name: runtime }) => {
      const plotted = rows.flatMap(({ depth, name, runtime: where, figures }) => {
        const by = PLOTTED[name];
        return by && (where === runtime || by === "fio")
          ? [{ depth, iops: figures.rate![0], by }]
          : [];
      });
      const direct = rows[0]!.mode === "direct";
      const about = { file: name, runtime, kernel: "linux", direct, write } as const;
      const picture = `${name}-${runtime}.svg`;
      writeFileSync(join(FOLDER, picture), benchPlot({ ...about, rows: plotted }));
      return `![${name} in ${runtime}](results/${picture})`;
    }).join("\n");
}
