/**
 * Runs the participants round by round, each in a process of its own.
 *
 * @module
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Entry } from "./catalog.ts";
import { type TestFile, warmCache } from "./file.ts";
import { measureFio } from "./fio.ts";
import type { Measured, Outcome, Task } from "./measure.ts";
import type { Mode, Options } from "./options.ts";
import { BLOCK } from "./positions.ts";
import { commandOf, type RuntimeName } from "./runtimes.ts";
import { runProgram } from "./spawn.ts";

/** One line of a table. */
export interface Cell {
  /** Past the page cache or out of it. */
  readonly mode: Mode;
  /** How many requests are in flight. */
  readonly depth: number;
  /** The participant. */
  readonly entry: Entry;
  /** Where it runs; `undefined` for fio. */
  readonly runtime: RuntimeName | undefined;
  /** What came out, round by round. */
  readonly rounds: Measured[];
  /** Why nothing did. */
  unavailable: string | undefined;
}

/** All that is to be measured, in the order of the table. */
export function planCells(options: Options): Cell[] {
  const entries = options.participants.filter(({ reads, writes }) =>
    (options.write ? writes : reads) !== undefined
  );
  const cells: Cell[] = [];
  for (const mode of options.modes) {
    for (const depth of options.depths) {
      for (const runtime of [...options.runtimes, undefined]) {
        for (const entry of entries) {
          if (entry.fio !== (runtime === undefined) || (entry.single && depth > 1)) continue;
          cells.push({ mode, depth, entry, runtime, rounds: [], unavailable: undefined });
        }
      }
    }
  }
  return cells;
}

/**
 * Measures.
 *
 * @param cells What; their results are filled in
 * @param options How
 * @param file Where
 * @throws {Error} If a request fails anywhere
 */
export async function runRounds(
  cells: readonly Cell[],
  options: Options,
  file: TestFile,
): Promise<void> {
  try {
    for (let round = 0; round < options.rounds; round++) {
      await runRound(cells, options, file, round);
    }
  } finally {
    progress("");
  }
}

async function runRound(
  cells: readonly Cell[],
  options: Options,
  file: TestFile,
  round: number,
): Promise<void> {
  for (const mode of options.modes) {
    if (mode === "cached") warmCache(file.path, file.size);
    for (const depth of options.depths) {
      const section = cells.filter((cell) => cell.mode === mode && cell.depth === depth);
      // Each round begins with another one: none is always first
      const first = Math.floor(section.length * round / options.rounds);
      for (const cell of [...section.slice(first), ...section.slice(0, first)]) {
        const place = `${cells.indexOf(cell) + 1} of ${cells.length}`;
        const where = `round ${round + 1} of ${options.rounds}, ${place}`;
        progress(`${where}: ${describe(cell, options.write)}`);
        await runCell(cell, options, file);
      }
    }
  }
}

async function runCell(cell: Cell, options: Options, file: TestFile): Promise<void> {
  if (cell.unavailable !== undefined) return;
  const task: Task = {
    name: cell.entry.name,
    work: {
      path: file.path,
      direct: cell.mode === "direct",
      write: options.write,
      depth: cell.depth,
    },
    seconds: options.seconds,
    blocks: file.size / BLOCK,
    stamped: file.stamped,
  };
  try {
    const outcome =
      await (cell.runtime === undefined ? measureFio(task) : measureApart(task, cell.runtime));
    if ("measured" in outcome) cell.rounds.push(outcome.measured);
    else cell.unavailable = outcome.unavailable;
  } catch (error) {
    throw new Error(`${describe(cell, options.write)}: ${(error as Error).message}`);
  }
}

/** Runs a participant in a process of its own. */
async function measureApart(task: Task, runtime: RuntimeName): Promise<Outcome> {
  const script = fileURLToPath(new URL("./iops.ts", import.meta.url));
  const [program, ...args] = commandOf(runtime, script);
  const finished = await runProgram(program, [...args, "--participant", JSON.stringify(task)]);
  if (finished === undefined) return { unavailable: `${runtime} is not installed` };
  const { code, stdout, stderr } = finished;
  if (code !== 0) throw new Error(`exit code ${code}\n${stderr}${stdout}`);
  return JSON.parse(stdout) as Outcome;
}

/** A cell in words. */
function describe({ mode, depth, entry, runtime }: Cell, write: boolean): string {
  return `${mode}, depth ${depth}, ${runtime ?? ""} ${write ? entry.writes : entry.reads}`;
}

/** One line of the terminal, written over and over; nothing where there is no terminal. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
