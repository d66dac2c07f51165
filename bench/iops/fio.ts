/**
 * fio, asked for the same as everybody.
 *
 * @module
 */
import { fioOptions, readFio } from "../../src/cli/fio_job.ts";
import type { CommandMaker } from "./command.ts";

/**
 * fio with an engine.
 *
 * @param engine The options that choose it
 */
export function fio(engine: (depth: number) => readonly string[]): CommandMaker {
  return (task) => ({
    program: "fio",
    args: fioOptions(task, engine(task.depth), task.depth, 1000 * task.seconds),
    read(output) {
      const { iops, ...figures } = readFio(output, task.write);
      const { cpuMicrosecondsPerRequest: cpu, systemMicrosecondsPerRequest: system, ...more } =
        figures;
      return { rate: iops, cpu, system, ...more };
    },
  });
}
