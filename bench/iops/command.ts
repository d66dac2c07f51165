/**
 * Participants that are programs of their own.
 *
 * @module
 */
import { run } from "../../scripts/run.mjs";
import { silenceOf } from "../runtimes.ts";
import type { Measured, Outcome } from "./measure.ts";
import type { Task } from "./participants.ts";

/** A program that does a task. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Reads what it has printed. */
  readonly read: (output: string) => Measured & {
    /** How many requests it has made, in all its passes. */
    readonly requests: number;
  };
}

/** Makes the command; or tells why it cannot be run. */
export type CommandMaker = (task: Task) => Command | { readonly unavailable: string };

/** What is said where a program or an engine cannot run, in distinction to a read that failed. */
const CANNOT_RUN = /^Cannot run (fio|io_setup)|not loadable|io_queue_init|support io_uring/;

/** What counts the system calls of a program: they differ by name between runtimes and peers. */
export const COUNTER = ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter"];
/** What then stands in its output. */
export const COUNTED = /^(\d+),,raw_syscalls/m;

/**
 * Runs a program.
 *
 * @param maker What makes its command
 * @param task What it does
 * @param counts Whether its system calls are counted, which takes time
 * @throws {Error} If a request failed
 */
export async function measureCommand(
  maker: CommandMaker,
  task: Task,
  counts = false,
): Promise<Outcome> {
  const command = maker(task);
  if ("unavailable" in command) return command;
  const words = [...counts ? [...COUNTER, "--"] : [], command.program, ...command.args];
  const { ok, output } = await run(words[0]!, words.slice(1), { silence: silenceOf(task) });
  if (ok) {
    const { requests, ...measured } = command.read(output);
    const [, calls] = COUNTED.exec(output) ?? [];
    return calls === undefined ? measured : { ...measured, calls: Number(calls) / requests };
  }
  const line = output.split("\n").find((line) => CANNOT_RUN.test(line));
  if (line !== undefined) return { unavailable: line.trim() };
  throw new Error(`${command.program} failed:\n${output}`);
}
