/**
 * Runs the participants round by round, each in a process of its own.
 *
 * @module
 */
import { Random } from "../../tests/support/random.ts";
import { showProgress } from "../output.ts";
import { warmCache } from "../page_cache.ts";
import { runApart, type RuntimeName } from "../runtimes.ts";
import { measureCommand } from "./command.ts";
import { type CostName, COSTS } from "./costs.ts";
import type { TestFile } from "./file.ts";
import type { Measured, Outcome } from "./measure.ts";
import type { Mode, Options } from "./options.ts";
import type { Participant, Task } from "./participants.ts";

/** One line of a table. */
export interface Cell {
  /** Past the page cache or out of it. */
  readonly mode: Mode;
  readonly participant: Participant;
  readonly task: Task;
  /** Where it runs; `undefined` for what is not in JavaScript. */
  readonly runtime: RuntimeName | undefined;
  /** What the table calls it. */
  readonly label: string;
  /** What came out, round by round. */
  readonly rounds: Measured[];
  /** Why nothing did. */
  unavailable?: string;
}

/** All that is to be measured, in the order of the table. */
export function planCells(options: Options, { path, size, stamped }: TestFile): Cell[] {
  const { modes, depths, runtimes, participants, works, seconds } = options;
  const places = modes.flatMap((mode) => works.map((work) => ({ mode, work })));
  return places.flatMap(({ mode, work }) =>
    depths.flatMap((depth) =>
      [...runtimes, undefined].flatMap((runtime) =>
        participants.flatMap((participant): Cell[] => {
          const { name, open, single, readsOnly, cachedOnly } = participant;
          const direct = mode === "direct";
          const write = work.writes > 0;
          const runsHere = (open === undefined) === (runtime === undefined) &&
            (participant.runtime ?? runtime) === runtime;
          if (!runsHere || (readsOnly && write) || (cachedOnly && direct)) return [];
          if (single && depth > 1) return [];
          const label = work.writes === 1
            ? participant.label.replace("read", "write")
            : participant.label;
          const blocks = Math.floor(size / work.block);
          const task = { name, path, direct, work, write, depth, seconds, blocks, stamped };
          return [{ mode, participant, task, runtime, label, rounds: [] }];
        })
      )
    )
  );
}

/**
 * Measures.
 *
 * @param script The URL of the script that is each participant
 * @param cells What is measured; their results are filled in
 * @param options How often
 * @throws {Error} If a request fails anywhere
 */
export async function runRounds(
  script: string,
  cells: readonly Cell[],
  { rounds, costs }: Options,
): Promise<void> {
  try {
    const sections = Map.groupBy(cells, placeOf);
    // Each round has an order of its own, so that none is always first, or always measured after the
    // same other, which may leave a slower machine behind.
    const random = new Random(1);
    for (let round = 0; round < rounds; round++) {
      for (const section of sections.values()) {
        const { direct, path, blocks, work } = section[0]!.task;
        if (!direct) warmCache(path, blocks * work.block);
        for (const cell of random.shuffled(section)) {
          const place = `${cells.indexOf(cell) + 1} of ${cells.length}`;
          showProgress(`round ${round + 1} of ${rounds}, ${place}: ${inWords(cell)}`);
          await runCell(script, cell, costs && round === 0);
        }
      }
    }
  } finally {
    showProgress("");
  }
}

async function runCell(script: string, cell: Cell, withCosts: boolean): Promise<void> {
  if (cell.unavailable !== undefined) return;
  try {
    const outcome = await runTask(script, cell);
    if ("unavailable" in outcome) cell.unavailable = outcome.unavailable;
    else cell.rounds.push(withCosts ? { ...outcome, ...await costsOf(script, cell) } : outcome);
  } catch (error) {
    throw new Error(`${inWords(cell)}: ${(error as Error).message}`);
  }
}

function runTask(script: string, cell: Cell, cost?: CostName): Promise<Outcome> {
  const { participant: { command, env }, runtime } = cell;
  if (runtime === undefined) return measureCommand(command!, cell.task, cost !== undefined);
  const task: Task = cost === undefined ? cell.task : { ...cell.task, cost };
  return runApart<Measured>(script, runtime, task, { ...env, ...cost && COSTS[cost].env });
}

async function costsOf(script: string, cell: Cell): Promise<Partial<Measured>> {
  const costs: Partial<Record<CostName, number>> = {};
  for (const cost of Object.keys(COSTS) as CostName[]) {
    // Only system calls are anything that other programs have.
    if (cell.runtime === undefined && cost !== "calls") continue;
    const outcome = await runTask(script, cell, cost);
    if (!("unavailable" in outcome)) Object.assign(costs, { [cost]: outcome[cost] });
  }
  return costs;
}

function placeOf({ mode, task: { work, depth } }: Cell): string {
  return `${mode}, ${work.name}, depth ${depth}`;
}

function inWords(cell: Cell): string {
  return `${placeOf(cell)}, ${cell.runtime ?? ""} ${cell.label}`;
}
