/**
 * That the portable kernel does what the real one does, as a property.
 *
 * @module
 */
import fc from "fast-check";
import { TwinKernels } from "./twin_kernels.ts";
import { type Program, programs } from "./twin_programs.ts";

/** Runs random programs on both kernels. */
export class TwinProperty implements Disposable {
  readonly #twins = new TwinKernels();
  /** Fails where the kernels differ. */
  readonly property: fc.IAsyncProperty<[Program]>;

  /** @param begin Told of each program before it runs, and of its number */
  constructor(begin: (program: Program, number: number) => void = () => {}) {
    let number = 0;
    this.property = fc.asyncProperty(programs, async (program) => {
      begin(program, ++number);
      await this.#twins.run(program);
    });
  }

  /** See {@link TwinKernels.deadlocks}. */
  get deadlocks(): number {
    return this.#twins.deadlocks;
  }

  [Symbol.dispose](): void {
    this.#twins[Symbol.dispose]();
  }
}

/** A program as it can be printed. */
export function programText(program: Program): string {
  const text = (_: string, value: unknown) => typeof value === "bigint" ? `${value}n` : value;
  return program.map((step) => JSON.stringify(step, text)).join("\n");
}
