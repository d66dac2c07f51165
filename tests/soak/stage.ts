import { AioContext, type Kernel } from "../../mod.ts";
import type { Random } from "../support/random.ts";
import type { History } from "./history.ts";

/** How one file of the soak is opened. */
export interface Setting {
  /** Its folder. */
  readonly folder: string;
  readonly direct: boolean | "try";
  /** Where it is to stay below, in bytes. */
  readonly limit: number;
  /** Whether it is opened for appending. */
  readonly append: boolean;
  /** The context it uses; the shared one if there is none. */
  readonly context: AioContext | undefined;
}

/** What went wrong, with what had been done before. */
export class SoakError extends Error {
  /**
   * @param where Which part of the soak
   * @param reason What was seen
   * @param history What was done before
   */
  constructor(where: string, reason: unknown, history: History) {
    const text = reason instanceof Error ? reason.stack ?? reason.message : String(reason);
    super(`${where}: ${text}\nThe last operations:\n${history}`);
  }
}

/** Contexts of every kind that files can be given, on the kernel that was chosen. */
export class Contexts implements AsyncDisposable {
  readonly #kernel: Kernel | undefined;
  readonly #all: AioContext[] = [];

  constructor(kernel: Kernel | undefined) {
    this.#kernel = kernel;
  }

  /** One more; closed at the end. */
  make(entries: number, random: Random): AioContext {
    const reap = random.once(2) ? "ring" : "syscall";
    const maxWait = random.pick([0, 100, 1000]);
    const kernel = this.#kernel;
    const context = new AioContext({ entries, reap, maxWait, ...(kernel && { kernel }) });
    this.#all.push(context);
    return context;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((context) => context[Symbol.asyncDispose]()));
  }
}
