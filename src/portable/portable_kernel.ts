/**
 * The public kernel, with a real disk or a simulated one. See {@link PortableKernel}.
 *
 * @module
 */
import { Machine, type MachineOptions } from "./machine.ts";
import { ProcessKernel } from "./process_kernel.ts";
import type { Faults } from "./simulation/faults.ts";
import type { LogEntry } from "./simulation/log.ts";
import { SimulatedDisk } from "./simulation/simulated_disk.ts";

/** How a {@link PortableKernel} is made. */
export interface PortableKernelOptions extends MachineOptions {
  /**
   * Simulates the disk: requests complete in an order, and after times, that this number decides
   * on, by a virtual clock. The same seed and the same program give the same run, in every runtime.
   *
   * @default {0 where there are faults; else the disk is real}
   */
  seed?: number | undefined;
  /**
   * What goes wrong on the simulated disk, and how often.
   *
   * @default {{}}
   */
  faults?: Faults | undefined;
}

/** The machine that {@link PortableKernel.spawn} passes on. */
const spawned = new WeakMap<PortableKernelOptions, Machine>();

/**
 * The kernel's AIO, in TypeScript: one process of a machine of its own.
 *
 * The six calls take the arguments and give the results of the system calls, over memory that
 * `allocate` makes; see the doc of this module for what differs.
 */
export class PortableKernel extends ProcessKernel {
  readonly #machine: Machine;
  readonly #simulation: SimulatedDisk | undefined;

  /**
   * Starts a machine, and a process on it.
   *
   * @param options What the machine is like
   * @throws {RangeError} If an option is out of range
   * @throws {TypeError} If there is no such fault
   */
  constructor(options: PortableKernelOptions = {}) {
    const machine = spawned.get(options) ?? new Machine(options, simulatedDisk(options));
    super(machine);
    this.#machine = machine;
    this.#simulation = machine.disk instanceof SimulatedDisk ? machine.disk : undefined;
  }

  /**
   * Starts another process on the same machine: the same disk and the same account, with memory
   * and contexts of its own.
   */
  spawn(): PortableKernel {
    const options: PortableKernelOptions = {};
    spawned.set(options, this.#machine);
    return new PortableKernel(options);
  }

  /** The seed of the simulated disk, for the message of a failed test; `undefined`: it is real. */
  get seed(): number | undefined {
    return this.#simulation?.seed;
  }

  /** What happened on the simulated disk, oldest first; see `formatLog`. */
  get log(): readonly LogEntry[] {
    return this.#simulation?.log ?? [];
  }

  /**
   * The power of the machine fails. All contexts of all its processes are gone, and what was in
   * flight with them, without a completion: promises of it never settle. Closing its files and
   * contexts from now on does not wait for it; a call of `close` from before the crash may wait for
   * ever. Memory stays, and what `after` has in store. Of the writes that no sync covers some are
   * kept, some lost and some torn, as the seed decides, and the files are then as they will be found.
   *
   * {@link PortableKernel.spawn} makes the first process of the machine when it is on again.
   *
   * @throws {Error} If the disk is a real one, or a file that was written could not be opened again to
   * watch its writes. Deno needs `--allow-all` for that, as it opens /proc/self/fd
   */
  crash(): void {
    const simulation = this.#simulation;
    if (simulation === undefined) {
      throw new Error("Cannot crash: the disk is real; make the kernel with `seed`");
    }
    simulation.checkWatched();
    for (const die of this.#machine.processes) die();
    this.#machine.files.crash();
    simulation.crash();
  }
}

function simulatedDisk({ seed, faults }: PortableKernelOptions): SimulatedDisk | undefined {
  if (seed === undefined && faults === undefined) return undefined;
  return new SimulatedDisk(seed ?? 0, faults ?? {});
}
