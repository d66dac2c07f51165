/**
 * Readers of other libraries over kaio, and over the sources that they have of their own.
 *
 *     bun bench/readers.ts --help
 *     deno run -A bench/readers.ts --runtimes bun,deno,node --rounds 9
 *     node bench/readers.ts --only hyparquet,pmtiles
 *
 * Each line is a process of its own, which reads by turns through each source: what the machine
 * does at that moment happens to all of them.
 *
 * @module
 */
import { closeSync, fsyncSync, openSync, rmSync } from "node:fs";
import { cpus, release } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { DISK, TempFolder } from "../tests/support/temp.ts";
import { median, showProgress, tableOf } from "./output.ts";
import { READERS } from "./readers/all.ts";
import type { Reader } from "./readers/reader.ts";
import { CELLS, measureReader, type Passes, type ReaderTask } from "./readers/measure.ts";
import { currentRuntime, runApart, type RuntimeName, RUNTIMES, serve } from "./runtimes.ts";
import { select } from "./selection.ts";
import { start } from "./start.ts";

const HELP = `Usage: bench/readers.ts [options]      (with bun, deno run -A, or node)

The time and the CPU time that readers take over kaio; over their own source, it
is 1.

  --folder PATH       where the files are made (default: the temporary folder)
  --rounds 5          how often each source is read, by turns; medians are shown
  --runtimes bun,…    in which runtimes (default: the one that runs this)
  --only NAME,…       some of the readers, by name or its beginning:
${READERS.map(({ name }) => " ".repeat(22) + name).join("\n")}
  --json              all figures as JSON
  --help              this text
`;

const NOTES: readonly string[] = [
  "own: milliseconds over the reader's own source. The columns after it: time and CPU time over kaio,",
  "as a share of those over the reader's own source in the same round; below 1, kaio takes less.",
  "cold: the file was evicted from the page cache before. direct: opened with O_DIRECT.",
];

const HEAD = [
  "reader",
  "",
  "own cold",
  "kaio",
  "CPU",
  "direct",
  "CPU",
  "own cached",
  "kaio",
  "CPU",
];

/** One line of the table. */
interface Row {
  readonly reader: string;
  readonly runtime: RuntimeName;
  readonly passes: Passes;
}

await serve(measureReader);
const { values } = await start(() =>
  parseArgs({
    options: {
      folder: { type: "string", default: DISK },
      rounds: { type: "string", default: "5" },
      runtimes: { type: "string", default: currentRuntime() },
      only: { type: "string", default: "" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  })
);
if (values.help) console.log(HELP.trimEnd());
else await start(main);

async function main(): Promise<void> {
  const rows = await measureAll();
  if (values.json) return console.log(JSON.stringify({ cells: CELLS, rows, notes: NOTES }));
  console.log(`Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model.trim()}\n`);
  console.log([...tableOf([HEAD, ...rows.map(cellsOf)], [0, 1]), "", ...NOTES].join("\n"));
}

/** Reader by reader, so that only one file is there at a time; several may read the same. */
async function measureAll(): Promise<Row[]> {
  const folder = new TempFolder(values.folder);
  process.on("exit", () => folder[Symbol.dispose]());
  const path = folder.join("read");
  const rows: Row[] = [];
  let made: Reader["make"] | undefined;
  for (const { name: reader, make } of select(READERS, values.only)) {
    if (make !== made) {
      showProgress(`${reader}: its file`);
      rmSync(path, { force: true });
      await make(path);
      sync(path);
      made = make;
    }
    for (const { name: runtime } of select(RUNTIMES, values.runtimes)) {
      showProgress(`${reader}, ${runtime}`);
      const task: ReaderTask = { reader, path, rounds: Number(values.rounds), seconds: 60 };
      const passes = await runApart<Passes>(import.meta.url, runtime, task);
      if ("unavailable" in passes) throw new Error(passes.unavailable);
      rows.push({ reader, runtime, passes });
    }
  }
  showProgress("");
  return rows;
}

/** What is not written yet cannot be evicted. */
function sync(path: string): void {
  const fd = openSync(path, "r+");
  fsyncSync(fd);
  closeSync(fd);
}

function cellsOf({ reader, runtime, passes }: Row): string[] {
  const milliseconds = (cell: "own cold" | "own cached") =>
    median(passes[cell].map(({ time }) => time)).toFixed(0);
  const ratios = (cell: typeof CELLS[number], over: "own cold" | "own cached") =>
    (["time", "cpu"] as const).map((figure) =>
      median(passes[cell].map((pass, round) => pass[figure] / passes[over][round]![figure]))
        .toFixed(2)
    );
  return [
    reader,
    runtime,
    milliseconds("own cold"),
    ...ratios("kaio cold", "own cold"),
    ...ratios("direct cold", "own cold"),
    milliseconds("own cached"),
    ...ratios("kaio cached", "own cached"),
  ];
}
