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
import { cpus, release } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { wrap } from "../src/cli/wrap.ts";
import { DISK, TempFolder } from "../tests/support/temp.ts";
import { median, showProgress, tableOf } from "./output.ts";
import { currentRuntime, runApart, type RuntimeName, RUNTIMES, serve } from "./runtimes.ts";
import { select } from "./selection.ts";
import { start } from "./start.ts";
import { LOADS, suits } from "./stall/loads.ts";
import { measureStalls, type StallTask } from "./stall/measure.ts";
import type { Stalls } from "./stall/meter.ts";
import { PARTIES } from "./stall/parties.ts";

const HELP = `Usage: bench/stall.ts [options]      (with bun, deno run -A, or node)

The longest stalls of the event loop while files are read and written, in
milliseconds.

  --folder PATH       where the files are made (default: the temporary folder)
  --seconds 5         how long each cell is measured
  --rounds 1          how often; medians are shown, and the longest stall of all
  --runtimes bun,…    in which runtimes (default: the one that runs this)
  --pace              each load once more, with all at the pace of the slowest
                      of the round
${
  wrap(`  --only NAME,…       some of: ${LOADS.map(({ name }) => name).join(", ")}`, 80, 22).join(
    "\n",
  )
}
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

const HEAD = ["load", "", "", "MiB/s", "p50", "p99.9", "longest", "unseen"];

/** One line of the table. */
interface Row {
  load: string;
  runtime: RuntimeName;
  party: string;
  /** Whether all move as much as the slowest of the group, or each as much as it can. */
  paced: boolean;
  rounds: Stalls[];
}

await serve(measureStalls);
const { values } = await start(() =>
  parseArgs({
    options: {
      folder: { type: "string", default: DISK },
      seconds: { type: "string", default: "5" },
      rounds: { type: "string", default: "1" },
      runtimes: { type: "string", default: currentRuntime() },
      only: { type: "string", default: "" },
      who: { type: "string", default: "" },
      pace: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  })
);
if (values.help) console.log(HELP.trimEnd());
else await start(main);

async function main(): Promise<void> {
  const folder = new TempFolder(values.folder);
  process.on("exit", () => folder[Symbol.dispose]());
  const seconds = Number(values.seconds);
  const rows = plan();
  try {
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const row of rows) {
        const { load, runtime, party } = row;
        showProgress(`${load}, ${runtime}, ${party}`);
        const pace = row.paced ? slowest(rows, row, round) : undefined;
        const task: StallTask = { load, party, folder: folder.path, seconds, pace };
        const stalls = await runApart<Stalls>(import.meta.url, runtime, task);
        if ("unavailable" in stalls) throw new Error(stalls.unavailable);
        row.rounds.push(stalls);
      }
    }
  } finally {
    showProgress("");
  }
  if (values.json) return console.log(JSON.stringify({ rows, notes: NOTES }));
  console.log(`Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model.trim()}\n`);
  console.log([...tableOf([HEAD, ...rows.map(cellsOf)], [0, 1, 2]), "", ...NOTES].join("\n"));
}

/** Load by load, so that those who are to be compared run close together. */
function plan(): Row[] {
  const parties = select(PARTIES, values.who);
  return select(LOADS, values.only).flatMap((load) =>
    select(RUNTIMES, values.runtimes).flatMap(({ name: runtime }) => {
      const able = parties.filter((party) => suits(load, party));
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

function cellsOf({ load, runtime, party, paced, rounds }: Row): string[] {
  const medianOf = (figure: "rate" | "p50" | "p999" | "unseen"): number =>
    median(rounds.map((round) => round[figure]));
  return [
    load,
    runtime,
    paced ? `${party}, paced` : party,
    medianOf("rate").toFixed(0),
    medianOf("p50").toFixed(2),
    medianOf("p999").toFixed(2),
    Math.max(...rounds.map(({ longest }) => longest)).toFixed(1),
    `${(medianOf("unseen") * 100).toFixed(0)} %`,
  ];
}
