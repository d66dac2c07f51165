/**
 * What is measured, as the command line says.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { wrap } from "../../src/cli/wrap.ts";
import { currentRuntime, RUNTIMES } from "../runtimes.ts";
import { select } from "../selection.ts";
import { PARTICIPANTS } from "./participants.ts";
import { WORKLOADS } from "./workloads.ts";

const NAMES = wrap(
  `  --only NAME,…       ${PARTICIPANTS.map(({ name }) => name).join(", ")}`,
  80,
  22,
);

/** What `--help` prints. */
export const HELP = `Usage: bench/iops.ts [options]      (with bun, deno run -A, or node)

Reads and writes of a file, with so many in flight: through kaio, through the
runtime's own files, through fio, and by a bare loop in C.

  --file PATH         the file; what exists is only read; what does not is made
                      and removed again (default: in the temporary folder)
  --tmpfs             make the file in /dev/shm
  --size 256M         how large a file is made, and how much of a device is read
  --direct, --cached  past the page cache, or out of it (default: both)
${
  wrap(
    `  --work read-4k,…    what is done: ${
      WORKLOADS.map(({ name }) => name).join(", ")
    } (default: read-4k); only a file that is made is written`,
    80,
    22,
  ).join("\n")
}
  --depth 1,4,…       how many are in flight (default: 1,4,16,64,256)
  --seconds 2         how long each cell is measured; a second, or four times
                      as long if that is less, is spent on warming up before,
                      and a quarter on latencies after
  --rounds 1          how often; every round runs all participants; tables show
                      medians and, for rates, the range
  --runtimes bun,…    in which runtimes (default: the one that runs this)
  --against NAME,…    who is 1 in the tables of ratios, in the same round
                      (default: fio-half,c-loop)
  --costs             also count system calls (with perf), allocated bytes and
                      the longest stall of the event loop; takes longer
  --json              all figures as JSON
  --help              this text

Some of the participants, by name or its beginning:
${NAMES.join("\n")}
`;

/** `direct` is O_DIRECT. */
export type Mode = "direct" | "cached";

/** What is measured. */
export type Options = Exclude<ReturnType<typeof parseOptions>, undefined>;

/**
 * Reads the command line.
 *
 * @returns What is measured; `undefined` if help is asked for
 * @throws {Error} If an argument is unknown or out of range
 */
export function parseOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      file: { type: "string" },
      tmpfs: { type: "boolean", default: false },
      size: { type: "string", default: "256M" },
      direct: { type: "boolean", default: false },
      cached: { type: "boolean", default: false },
      work: { type: "string", default: "read-4k" },
      depth: { type: "string", default: "1,4,16,64,256" },
      seconds: { type: "string", default: "2" },
      rounds: { type: "string", default: "1" },
      runtimes: { type: "string", default: currentRuntime() },
      only: { type: "string", default: "" },
      against: { type: "string", default: "fio-half,c-loop" },
      costs: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new Error(`--seconds must be above 0: current value is ${seconds}`);
  const works = select(WORKLOADS, values.work);
  const modes = (["direct", "cached"] as const).filter((mode) => values[mode]);
  return {
    ...values,
    size: parseSize(values.size),
    modes: modes.length > 0 ? modes : ["direct", "cached"] as const,
    depths: values.depth.split(",").map((text) => integer("--depth", text, 4096)),
    seconds,
    rounds: integer("--rounds", values.rounds, 1000),
    runtimes: select(RUNTIMES, values.runtimes).map(({ name }) => name),
    works,
    write: works.some(({ writes }) => writes > 0),
    participants: select(PARTICIPANTS, values.only),
    against: select(PARTICIPANTS, values.against),
  };
}

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** A size in bytes, rounded down to MiB. */
function parseSize(text: string): number {
  const [, digits, unit] = /^(\d+)([KMG]?)$/i.exec(text) ?? [];
  const size = Number(digits) * UNITS[unit?.toUpperCase() ?? ""]!;
  if (size >= 2 ** 20) return size - size % 2 ** 20;
  throw new Error(`--size must be at least 1M, as in 256M: current value is ${text}`);
}

function integer(name: string, text: string, maximum: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= maximum) return value;
  throw new Error(`${name} must be from 1 to ${maximum}: current value is ${text}`);
}
