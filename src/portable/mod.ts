/**
 * The kernel's AIO in TypeScript: the six system calls with their arguments, results and errno,
 * over the same bytes. For systems that do not have the calls, and for testing what is built on
 * them against a disk that fails.
 *
 * @example A request by hand
 * ```ts
 * import { PortableKernel } from "kaio/portable";
 * import { Iocb, IOCB_CMD_PREAD, IoEvent } from "kaio/syscalls";
 * import { openSync } from "node:fs";
 *
 * const kernel = new PortableKernel();
 * const id = new BigUint64Array(1);
 * kernel.io_setup(8, id);
 * const { address, buffer } = kernel.allocate(8192);
 * const iocb = new Iocb(buffer);
 * iocb.opcode = IOCB_CMD_PREAD;
 * iocb.fildes = openSync("data.bin", "r");
 * iocb.buf = address + 4096;
 * iocb.nbytes = 4096;
 * new BigUint64Array(buffer, 1024)[0] = BigInt(address);
 * kernel.io_submit(Number(id[0]), 1, address + 1024);
 * kernel.io_getevents(Number(id[0]), 1, 1, address + 2048, 0);
 * console.log(new IoEvent(buffer, 2048).res);
 * ```
 *
 * **What it behaves as.** Today's kernel, or with `release: "3.4"` the last one whose requests were
 * retried:
 *
 * | | `"6.18"` | `"3.4"` |
 * | --- | --- | --- |
 * | places of a ring | twice the number asked for and no less than 8 for each CPU, in whole pages | the number asked for and 2, in whole pages |
 * | taken | in batches for each CPU | up to 32 at once, against the room that the ring has |
 * | `ring.id` | an index, by which the context is found | the context id |
 * | FSYNC, FDSYNC | work | EINVAL |
 * | POLL, `aio_rw_flags`, priorities, io_pgetevents | exist | EINVAL, EINVAL, ignored, ENOSYS |
 * | a transfer that came short | is the result | is continued: writes always, reads unless of a pipe or socket; an error after a part was written is hidden |
 * | io_cancel | EINPROGRESS, and an event with 0 in the ring; polls only | 0, and `obj` and `data` go to the caller; the newest request of the iocb, also if it was kicked; EAGAIN for what cannot be cancelled |
 * | share of aio_nr | given back when io_destroy begins | when the last request is over and the last waiter has left |
 * | io_destroy | completes what can be cancelled, and signals its eventfd | cancels every request: no event, no eventfd, no further run |
 * | io_submit looks first | for the context, then for a place in the ring | at the whole array, then for the context, then for the file |
 * | memory of a request | is cut to what one request moves, then checked; the file is asked first | is checked whole, then cut; before the file is asked |
 * | io_getevents reads the timeout | at once | when there is something to wait for, behind the run list |
 * | a signal is pending | EINTR | EINTR, but not without time to wait |
 * | an event that cannot be copied out | stays | is lost |
 * | the tail in the ring | counts modulo `nr` | is compared as it is |
 *
 * **Which threads do the work.** Those of `node:fs`, or workers that call its synchronous functions
 * over shared memory. A thread that waits in io_getevents does itself what was not begun yet, as the
 * kernel of 3.4 does with its run list, and sleeps until the workers have done the rest. In a
 * runtime that gives each thread descriptors of its own, or permits no threads, only the threads of
 * `node:fs` are left, whose results arrive through the event loop: a wait for a write that they have
 * already is then -EDEADLK, and nothing is lost.
 *
 * **Memory** is at addresses of the kernel's own, from `allocate` and `addressOf`. `view` gives the
 * buffer of a whole allocation.
 *
 * **A disk that fails.** With a `seed`, requests are done by a simulation in virtual time, the same
 * way for the same seed; `faults` says what goes wrong.
 *
 * @module
 */
export { PortableKernel, type PortableKernelOptions } from "./portable_kernel.ts";
export type { CompatCalls } from "./compat.ts";
export type { KernelRelease, MachineOptions } from "./machine.ts";
export type { EventfdOptions, PortableEventfd } from "./eventfd.ts";
export type { OwnFileOptions } from "./file.ts";
export type { PortablePipe } from "./pipe.ts";
export type { ProcessKernel } from "./process_kernel.ts";
export type { Faults } from "./simulation/faults.ts";
export { type EventKind, formatLog, type LogEntry } from "./simulation/log.ts";
export type { OperationKind } from "../threads/file_operation.ts";
export type { Address, Allocation, Kernel, Limits, Wakeup } from "../kernel.ts";
export type { Blocking, DirectAlignment, FileHost } from "../file_host.ts";
