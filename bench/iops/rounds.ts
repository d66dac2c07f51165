/**
 * Runs the participants round by round, each in a process of its own.
 *
 * @module
 */
import { BLOCK, warmCache } from "../blocks.ts";
import { showProgress } from "../output.ts";
import { runApart, type RuntimeName } from "../runtimes.ts";
import type { TestFile } from "./file.ts";
import { measureFio } from "./fio.ts";
import type { Measured } from "./measure.ts";
import type { Mode, Options } from "./options.ts";
import type { Participant, Task } from "./participants.ts";

/** One line of a table. */
export interface Cell {
  /** Past the page cache or out of it. */
  readonly mode: Mode;
  /** How many requests are in flight. */
  readonly depth: number;
  readonly participant: Participant;
  /** Where it runs; `undefined` for fio. */
  readonly runtime: RuntimeName | undefined;
  /** What the table calls it. */
  readonly label: string;
  /** What came out, round by round. */
  readonly rounds: Measured[];
  /** Why nothing did. */
  unavailable?: string;
}

/** All that is to be measured, in the order of the table. */
export function planCells({ modes, depths, runtimes, participants, write }: Options): Cell[] {
  return modes.flatMap((mode) =>
    depths.flatMap((depth) =>
      [...runtimes, undefined].flatMap((runtime) =>
        participants.flatMap((participant): Cell[] => {
          const { open, single, readsOnly } = participant;
          const runsHere = (open === undefined) === (runtime === undefined);
          if (!runsHere || (readsOnly && write) || (single && depth > 1)) return [];
          const label = write ? participant.label.replace("read", "write") : participant.label;
          return [{ mode, depth, participant, runtime, label, rounds: [] }];
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
 * @throws {Error} If a request fails anywhere
 */
export async function runRounds(
  script: string,
  cells: readonly Cell[],
  options: Options,
  file: TestFile,
): Promise<void> {
  try {
    const sections = Map.groupBy(cells, ({ mode, depth }) => `${mode}, depth ${depth}`);
    for (let round = 0; round < options.rounds; round++) {
      for (const section of sections.values()) {
        if (section[0]!.mode === "cached") warmCache(file.path, file.size);
        // Each round begins with another participant, so that none is always first.
        const first = Math.floor(section.length * round / options.rounds);
        for (const cell of [...section.slice(first), ...section.slice(0, first)]) {
          const place = `${cells.indexOf(cell) + 1} of ${cells.length}`;
          showProgress(`round ${round + 1} of ${options.rounds}, ${place}: ${inWords(cell)}`);
          await runCell(script, cell, options, file);
        }
      }
    }
  } finally {
    showProgress("");
  }
}

async function runCell(
  script: string,
  cell: Cell,
  { write, seconds }: Options,
  { path, size, stamped }: TestFile,
): Promise<void> {
  const { mode, depth, participant: { name }, runtime } = cell;
  if (cell.unavailable !== undefined) return;
  const direct = mode === "direct";
  const task: Task = { name, path, direct, write, depth, seconds, blocks: size / BLOCK, stamped };
  try {
    const outcome = runtime === undefined
      ? await measureFio(task)
      : await runApart<Measured>(script, runtime, task);
    if ("unavailable" in outcome) cell.unavailable = outcome.unavailable;
    else cell.rounds.push(outcome);
  } catch (error) {
    throw new Error(`${inWords(cell)}: ${(error as Error).message}`);
  }
}

function inWords({ mode, depth, label, runtime }: Cell): string {
  return `${mode}, depth ${depth}, ${runtime ?? ""} ${label}`;
}
