/**
 * How long the event loop stands still while files are read and written: through kaio, and through
 * the runtime's own fs.
 *
 *     bun bench/stall.ts --help
 *     deno run -A bench/stall.ts --runtimes bun,deno,node --rounds 3
 *     node bench/stall.ts --only cold-scan,hot-1m
 *
 * Each cell is a process of its own. Beside the load runs a loop of setImmediate that notes how
 * far its turns lie apart: see `bench/stall/meter.ts`. What is cold is evicted before.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { commandOf, currentRuntime, type RuntimeName, RUNTIMES } from "./runtimes.ts";
import { runProgram } from "./spawn.ts";
import { LOADS } from "./stall/loads.ts";
import { measureStalls, type StallTask } from "./stall/measure.ts";
import type { Stalls } from "./stall/meter.ts";
import { PARTIES } from "./stall/parties.ts";

const HELP = `Usage: bench/stall.ts [options]      (with bun, deno run -A, or node)

The longest stalls of the event loop while files are read and written, in milliseconds.

  --folder PATH       where the files are made (default: the folder for temporary files)
  --seconds 5         how long each cell is measured
  --rounds 1          how often; medians are shown, and the longest stall of all
  --runtimes bun,…    in which runtimes (default: the one that runs this)
  --pace              each load once more, with all at the pace of the slowest of the round
  --only NAME,…       some of the loads: ${LOADS.map(({ name }) => name).join(", ")}
  --who NAME,…        some of: ${PARTIES.map(({ name }) => name).join(", ")}
  --json              all figures as JSON
  --help              this text
`;

const NOTES: readonly string[] = [
  "What something that happens at any moment waits until the event loop turns to it, in ms:",
  "half of the time no longer than p50, 999 of 1000 times no longer than p99.9.",
  "The time for which the machine gave the thread no CPU is not counted, nor what its host took",
  "while the thread was on one. unseen: the share of the time in which this virtual machine gave",
  "memory back to its host, and was halted by that.",
  "idle: the same loop without a load, which shows what this machine takes away by itself.",
];

/** One line of the table. */
interface Row {
  load: string;
  runtime: RuntimeName;
  party: string;
  /** Whether all move as much as the slowest of the group, or each as much as it can. */
  paced: boolean;
  rounds: Stalls[];
}

const args = process.argv.slice(2);
if (args[0] === "--participant") {
  console.log(JSON.stringify(await measureStalls(JSON.parse(args[1]!) as StallTask)));
  process.exit();
}
const { values } = parseArgs({
  args,
  options: {
    folder: { type: "string", default: tmpdir() },
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "1" },
    runtimes: { type: "string", default: currentRuntime() },
    only: { type: "string", default: "" },
    who: { type: "string", default: "" },
    pace: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) console.log(HELP.trimEnd());
else await main();

async function main(): Promise<void> {
  const folder = mkdtempSync(join(values.folder, "kaio-stall-"));
  const rows = plan();
  try {
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const row of rows) {
        if (process.stderr.isTTY) {
          process.stderr.write(`\r\x1b[K${row.load}, ${row.runtime}, ${row.party}`);
        }
        const pace = row.paced ? slowest(rows, row, round) : undefined;
        row.rounds.push(await measureApart(row, folder, pace));
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }
  if (values.json) return console.log(JSON.stringify({ rows, notes: NOTES }));
  console.log(`Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model.trim()}\n`);
  console.log([...tableOf(rows), "", ...NOTES].join("\n"));
}

/** Load by load, so that those who are to be compared run close together. */
function plan(): Row[] {
  const chosen = <Entry extends { readonly name: string }>(all: readonly Entry[], text: string) => {
    const names = text.split(",").filter((name) => name !== "");
    const unknown = names.find((name) => !all.some((entry) => entry.name === name));
    if (unknown !== undefined) throw new Error(`Unknown name: ${JSON.stringify(unknown)}`);
    return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
  };
  const runtimes = chosen(RUNTIMES.map((name) => ({ name })), values.runtimes);
  const parties = chosen(PARTIES, values.who);
  return chosen(LOADS, values.only).flatMap((load) =>
    runtimes.flatMap(({ name: runtime }) => {
      const able = parties.filter((party) => load.for(party));
      const paces = values.pace && able.length > 1 ? [false, true] : [false];
      return paces.flatMap((paced) =>
        able.map(({ name: party }) => ({ load: load.name, runtime, party, paced, rounds: [] }))
      );
    })
  );
}

/** What the slowest of a row's group moved in this round, when all went as fast as they could. */
function slowest(rows: readonly Row[], { load, runtime }: Row, round: number): number {
  const group = rows.filter((row) => row.load === load && row.runtime === runtime && !row.paced);
  return Math.min(...group.map(({ rounds }) => rounds[round]!.rate));
}

async function measureApart(row: Row, folder: string, pace: number | undefined): Promise<Stalls> {
  const { load, runtime, party } = row;
  const task: StallTask = { load, party, folder, seconds: Number(values.seconds), pace };
  const script = fileURLToPath(import.meta.url);
  const [program, ...first] = commandOf(runtime, script);
  const finished = await runProgram(program, [...first, "--participant", JSON.stringify(task)]);
  if (finished?.code !== 0) {
    throw new Error(`${load}, ${runtime}, ${party}: ${finished?.stderr ?? "is not installed"}`);
  }
  return JSON.parse(finished.stdout) as Stalls;
}

function tableOf(rows: readonly Row[]): string[] {
  const cells = rows.map(({ load, runtime, party, paced, rounds }) => [
    load,
    runtime,
    paced ? `${party}, paced` : party,
    median(rounds.map(({ rate }) => rate)).toFixed(0),
    ...(["p50", "p999"] as const).map((key) => median(rounds.map((it) => it[key])).toFixed(2)),
    Math.max(...rounds.map(({ longest }) => longest)).toFixed(1),
    (median(rounds.map(({ unseen }) => unseen)) * 100).toFixed(0) + " %",
  ]);
  const table = [["load", "", "", "MiB/s", "p50", "p99.9", "longest", "unseen"], ...cells];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row.map((text, column) =>
      column < 3 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)
    ).join("  ")
  );
  return lines.flatMap((line, index) =>
    index > 0 && table[index]![0] !== table[index - 1]![0] ? ["-".repeat(line.length), line] : line
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}
