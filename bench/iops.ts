/**
 * Random 4 KiB reads or writes through kaio, through the runtime's own fs and through fio.
 *
 *     bun bench/iops.ts --help
 *     deno run -A bench/iops.ts --tmpfs --direct --depth 64 --runtimes bun,deno,node --rounds 3
 *     node bench/iops.ts --file app.db --only kaio,fio-reap
 *
 * Each participant is a process of its own that keeps just as many requests in flight as the table
 * says, at the same random positions, in the same page-aligned memory. Its rate and its CPU time
 * are taken in a pass without clocks around requests, its latencies in a short one after it.
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
import { programOf, serve, versionOf } from "./runtimes.ts";

const NOTES: readonly string[] = [
  "CPU: user and system time of the whole process; the kernel's own threads count for nobody.",
  "× fio: the rate against fio --ioengine=libaio --userspace_reap=1 in the same round. That makes",
  "one io_submit a request; in the row `batch` it submits a quarter of the depth at once.",
  "FileHandle: all requests are on one handle, where Deno makes them one after the other.",
  "file.readAt makes new memory for each read; all others read to memory that they are given.",
];

try {
  await serve(measure);
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) console.log(HELP.trimEnd());
  else await main(options);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

async function main(options: Options): Promise<void> {
  const file = findFile(options);
  if (options.modes.some((mode) => mode === "direct")) checkDirect(file.path);
  const about = await describe(options, file);
  const cells = planCells(options, file);
  if (!options.json) console.log(about.join("\n"));
  await runRounds(import.meta.url, cells, options.rounds);
  const rows = rowsOf(cells);
  const notes = [...absences(cells), ...NOTES];
  if (options.json) console.log(JSON.stringify({ about, rows, notes, cells }));
  else console.log([...tablesOf(rows, options.write), "", ...notes].join("\n"));
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
