/**
 * Reads and writes through kaio, through the runtime's own files, through fio and by a bare loop in
 * C.
 *
 *     npm run bench -- --help
 *     bun bench/iops.ts --file app.db --only kaio,fs
 *     deno run -A bench/iops.ts --tmpfs --direct --depth 64 --runtimes bun,deno,node --rounds 3
 *
 * Each participant is a process of its own that keeps just as many requests in flight as the table
 * says, in page-aligned memory. Its rate and its CPU time are taken in a pass without clocks around
 * requests, its latencies in a short one after it.
 *
 * @module
 */
import { cpus, release } from "node:os";
import process from "node:process";
import { checkDirect, findFile, type TestFile } from "./iops/file.ts";
import { measure } from "./iops/measure.ts";
import { HELP, type Options, parseOptions } from "./iops/options.ts";
import { absences, rowsOf, tablesOf } from "./iops/report.ts";
import { planCells, runRounds } from "./iops/rounds.ts";
import { tableOf } from "./output.ts";
import { programOf, serve, versionOf } from "./runtimes.ts";
import { start } from "./start.ts";

const NOTES: readonly string[] = [
  "CPU: microseconds of the whole process for a request; kernel: the part of it in the kernel, whose",
  "own threads count for nobody (with SQPOLL they do the work).",
  "fio by itself makes one io_submit a request and waits in io_getevents; reap: it looks at the ring;",
  "batch, half: it submits a quarter, half of the depth at once; fixed: registered buffers and files.",
  "C loop: bench/iops/loop.c; it submits at once whatever it has reaped. JavaScript: the same, and the",
  "least that the other styles take, over the raw calls (bench/iops/bare.ts); the loop blocks",
  "the thread, the others let the event loop turn as kaio does.",
  "FileHandle: all requests are on one handle, where Deno makes them one after the other.",
  "readAt and slice() make new memory for each read; all others read to memory that they are given.",
  "calls: system calls of the process, where perf may count them; bytes: those of JavaScript objects,",
  "without the memory of buffers; stall: the longest time for which the event loop stood still.",
  "fs.read has 4 threads in Node, unless the row says otherwise.",
];

await start(async () => {
  await serve(measure);
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) console.log(HELP.trimEnd());
  else await main(options);
});

async function main(options: Options): Promise<void> {
  const file = findFile(options);
  if (options.modes.some((mode) => mode === "direct")) checkDirect(file.path);
  const about = await describe(options, file);
  const cells = planCells(options, file);
  if (!options.json) console.log(about.join("\n"));
  await runRounds(import.meta.url, cells, options);
  const rows = rowsOf(cells, options.against);
  const notes = [...absences(cells), ...NOTES];
  if (options.json) return console.log(JSON.stringify({ about, rows, notes, cells }));
  for (const { title, rows: cells } of tablesOf(rows)) {
    console.log(["", title, "", ...tableOf(cells, [1, 2])].join("\n"));
  }
  console.log(["", ...notes].join("\n"));
}

async function describe(options: Options, file: TestFile): Promise<string[]> {
  const versions = await Promise.all(options.runtimes.map(async (runtime) => {
    const version = await versionOf(programOf(runtime)) ?? "none";
    return `${runtime} ${/\d+\.\d+\.\d+/.exec(version)?.[0] ?? version}`;
  }));
  const [cpu] = cpus();
  const megabytes = Math.round(file.size / 2 ** 20);
  const { rounds, seconds } = options;
  return [
    `Linux ${release()}, ${cpus().length} × ${cpu?.model.trim() ?? process.arch}`,
    [...versions, await versionOf("fio") ?? "no fio: its rows are left out"].join(", "),
    `${megabytes} MiB on ${file.fileSystem}; ${seconds} s a cell` +
    (rounds > 1 ? `, medians of ${rounds} rounds` : ""),
  ];
}
