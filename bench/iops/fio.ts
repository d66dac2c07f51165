/**
 * fio, asked for the same as everybody.
 *
 * @module
 */
import { fioOptions, readFio } from "../../src/cli/fio_job.ts";
import type { CommandMaker } from "./command.ts";
import type { Task } from "./participants.ts";

/**
 * fio with an engine.
 *
 * @param engine The options that choose it
 */
export function fio(engine: (depth: number) => readonly string[]): CommandMaker {
  return (task) => ({
    program: "fio",
    args: [
      ...fioOptions(task, engine(task.depth), task.depth, 1000 * task.seconds),
      ...optionsOf(task),
    ],
    read(output) {
      const { iops, ...figures } = readFio(output.replace('"mixed" :', '"read" :'), false);
      const { cpuMicrosecondsPerRequest: cpu, systemMicrosecondsPerRequest: system, ...more } =
        figures;
      return { rate: iops, cpu, system, ...more };
    },
  });
}

/** What a workload has that {@link fioOptions} does not know, in the place of what it says. */
function optionsOf({ blocks, work: { block, writes, synced, inOrder } }: Task): string[] {
  const kind = writes === 0 ? "read" : writes === 1 ? "write" : "rw";
  return [
    `--rw=${inOrder ? kind : `rand${kind}`}`,
    `--rwmixwrite=${100 * writes}`,
    `--bs=${block}`,
    `--size=${blocks * block}`,
    `--sync=${synced ? "dsync" : "none"}`,
    // Of reads and writes together.
    "--unified_rw_reporting=mixed",
  ];
}
