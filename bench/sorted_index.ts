/**
 * Lookups of random keys in the index of `examples/sorted_index.ts`, not cached: through kaio and
 * through `node:fs/promises` in the three runtimes, beside what fio reads of the same file.
 *
 *     bun bench/sorted_index.ts --rounds 5
 *     deno run -A bench/sorted_index.ts --runtimes bun,deno,node --depth 64
 *     node bench/sorted_index.ts --help
 *
 * @module
 */
import { constants } from "node:fs";
import { type FileHandle, open as openHandle } from "node:fs/promises";
import { parseArgs } from "node:util";
import { makeKeys, makeRecords, measure, SortedIndex } from "../examples/sorted_index.ts";
import { open } from "../mod.ts";
import { Random } from "../tests/support/random.ts";
import { DISK, TempFolder } from "../tests/support/temp.ts";
import { BLOCK } from "./blocks.ts";
import { BareFile } from "./iops/bare.ts";
import { measureCommand } from "./iops/command.ts";
import { participantOf } from "./iops/participants.ts";
import { WORKLOADS } from "./iops/workloads.ts";
import { median, showProgress, tableOf } from "./output.ts";
import { runApart, type RuntimeName, RUNTIMES, serve } from "./runtimes.ts";
import { select } from "./selection.ts";
import { start } from "./start.ts";

const HELP = `Usage: bench/sorted_index.ts [options]      (with bun, deno run -A, or node)

Lookups of random keys in a sorted index that is not cached, with so many at
once: each a read of 4 KiB and a search in it.

  --keys 1000000      how many keys the index has
  --depth 64          how many lookups are under way at once
  --seconds 2         how long each cell is measured
  --rounds 3          how often; every round runs all, and medians are shown
  --runtimes bun,…    in which runtimes (default: all three)
  --folder PATH       where the index is made (default: the temporary folder)
  --help              this text
`;

const NOTES: readonly string[] = [
  "fs: node:fs/promises, through a page cache that was emptied before each pass; each pass reads",
  "every leaf once. fs, O_DIRECT: past the page cache, as kaio.",
  "JavaScript: the least that a runtime takes for a promise a read (bench/iops/bare.ts).",
  "CPU: user and system time of the whole process.",
  "× fio: the rate against fio, libaio with O_DIRECT in batches at depth 64, in the same round.",
  "kaio ×: kaio's rate against this one, in the same runtime and the same round.",
];

/** Who looks up keys. */
const PARTIES = {
  "kaio": (path: string) => open(path, "r", { direct: true }),
  // deno-lint-ignore require-await -- as the others; it has nothing to wait for
  "JavaScript": async (path: string, depth: number) => {
    const flags = constants.O_RDONLY | constants.O_DIRECT;
    return new BareFile(path, flags, depth) as unknown as FileHandle;
  },
  "fs": (path: string) => openHandle(path),
  "fs, O_DIRECT": (path: string) => openHandle(path, constants.O_RDONLY | constants.O_DIRECT),
} as const;

type Party = keyof typeof PARTIES;

interface Task {
  readonly party: Party;
  readonly path: string;
  readonly keys: number;
  readonly depth: number;
  readonly seconds: number;
}

/** Lookups or reads per second, and microseconds of CPU time for each. */
interface Figures {
  readonly rate: number;
  readonly cpu: number;
}

/** One line of the table. */
interface Row {
  readonly runtime: RuntimeName | "";
  readonly name: string;
  readonly run: () => Promise<Figures | { unavailable: string }>;
  readonly rounds: Figures[];
  unavailable?: string;
}

/** Passes over all leaves until the time is over, after one that compiles the code. */
async function lookUpFor({ party, path, keys, depth, seconds }: Task): Promise<Figures> {
  const pass = () => measure((path) => PARTIES[party](path, depth), path, makeKeys(keys), depth);
  await pass();
  const total = { lookups: 0, seconds: 0, cpu: 0 };
  while (total.seconds < seconds) {
    const { lookups, seconds, cpu } = await pass();
    total.lookups += lookups;
    total.seconds += seconds;
    total.cpu += cpu;
  }
  return { rate: total.lookups / total.seconds, cpu: total.cpu * 1e6 / total.lookups };
}

function digits(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

/** The median of one row's rates relative to another's, round by round. */
function ratio(of: Row, to: Row | undefined): string {
  if (to === undefined || to === of || to.rounds.length === 0) return "-";
  return median(of.rounds.map(({ rate }, round) => rate / to.rounds[round]!.rate)).toFixed(2);
}

await serve(lookUpFor);
const { values } = await start(() =>
  parseArgs({
    options: {
      keys: { type: "string", default: "1000000" },
      depth: { type: "string", default: "64" },
      seconds: { type: "string", default: "2" },
      rounds: { type: "string", default: "3" },
      runtimes: { type: "string", default: "" },
      folder: { type: "string", default: DISK },
      help: { type: "boolean", default: false },
    },
  })
);
if (values.help) console.log(HELP.trimEnd());
else await start(main);

async function main(): Promise<void> {
  using folder = new TempFolder(values.folder);
  const path = folder.join("index");
  const [keys, depth, seconds, rounds] = [values.keys, values.depth, values.seconds, values.rounds]
    .map(Number) as [number, number, number, number];
  let size: number;
  {
    await using file = await open(path, "wx", { direct: true });
    await SortedIndex.build(file, makeRecords(keys));
    size = await file.size();
  }

  const fio = (depth: number, name = "fio-reap"): Row => ({
    runtime: "",
    name: `fio, depth ${depth}${name === "fio-batch" ? ", batches" : ""}`,
    run: () => {
      const reads = {
        work: WORKLOADS[0]!,
        write: false,
        direct: true,
        depth,
        blocks: size / BLOCK,
        stamped: false,
      };
      return measureCommand(participantOf(name).command!, { name, path, seconds, ...reads });
    },
    rounds: [],
  });
  const runtimes = select(RUNTIMES, values.runtimes).map(({ name }) => name);
  const ours = runtimes.flatMap((runtime) =>
    (Object.keys(PARTIES) as Party[]).map((party): Row => {
      const task: Task = { party, path, keys, depth, seconds };
      const run = () => runApart<Figures>(import.meta.url, runtime, task);
      return { runtime, name: party, run, rounds: [] };
    })
  );
  const reference = fio(64, "fio-batch");
  const rows = [reference, fio(64), fio(4), ...ours];

  // As in the other benchmarks, each round has an order of its own.
  const random = new Random(1);
  for (let round = 0; round < rounds; round++) {
    for (const row of random.shuffled(rows)) {
      if (row.unavailable !== undefined) continue;
      showProgress(`round ${round + 1} of ${rounds}: ${row.runtime} ${row.name}`);
      const outcome = await row.run();
      if ("unavailable" in outcome) row.unavailable = outcome.unavailable;
      else row.rounds.push(outcome);
    }
  }
  showProgress("");
  const head = ["", "", "k/s", "CPU µs", "× fio", "kaio ×", "k/s range"];
  const lines = rows.filter(({ rounds }) => rounds.length > 0).map((row) => {
    const rates = row.rounds.map(({ rate }) => rate / 1000);
    const kaio = ours.find(({ runtime, name }) => runtime === row.runtime && name === "kaio");
    return [
      row.runtime,
      row.name,
      digits(median(rates)),
      digits(median(row.rounds.map(({ cpu }) => cpu))),
      ratio(row, reference),
      kaio === undefined ? "-" : ratio(kaio, row === kaio ? undefined : row),
      `${digits(Math.min(...rates))}…${digits(Math.max(...rates))}`,
    ];
  });
  console.log(`${keys} keys in ${Math.round(size / 2 ** 20)} MiB, ${depth} lookups at once`);
  console.log(["", ...tableOf([head, ...lines], [0, 1]), ""].join("\n"));
  for (const { runtime, name, unavailable } of rows) {
    if (unavailable !== undefined) console.log(`Left out: ${runtime} ${name}: ${unavailable}`);
  }
  console.log(NOTES.join("\n"));
}
