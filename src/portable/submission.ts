/**
 * From the iocbs of the program to requests that run.
 *
 * @module
 */
import { EAGAIN, EDEADLK, EFAULT, EINVAL } from "../abi/errno.ts";
import type { Address } from "../kernel.ts";
import { access_ok } from "./address_space.ts";
import { IocbReader } from "./iocb_reader.ts";
import { Kiocb, type KiocbOwner } from "./kiocb.ts";
import type { Kioctx } from "./kioctx.ts";
import type { Process } from "./process.ts";
import { aio_advance_iovec } from "./rw_retry.ts";

/** Of 64-bit programs: the array of any other ends far below the end of user space. */
const POINTER_SIZE = 8;

/** The requests of a process, until they complete. */
export class Submission implements KiocbOwner {
  readonly #process: Process;
  readonly #reader: IocbReader;
  /** Completed requests, to be used again: one object less to collect for each request. */
  readonly #idle: Kiocb[] = [];

  constructor(process: Process) {
    this.#process = process;
    this.#reader = new IocbReader(process);
  }

  /** @param compat Whether pointers and iovecs are those of a 32-bit program */
  do_io_submit(ctx_id: number, nr: number, iocbpp: Address, compat: boolean): number {
    if (nr < 0) return -EINVAL;
    // The kernel with retries checks the whole array, and before anything else.
    if (!this.#process.machine.today && !access_ok(iocbpp, POINTER_SIZE * nr)) return -EFAULT;
    const context = this.#process.lookup_ioctx(ctx_id);
    if (context === undefined) return -EINVAL;
    const count = Math.min(nr, context.ring.nr);
    const { credits } = context;
    this.#process.machine.files.begin();
    credits.begin?.(count);
    let accepted = 0;
    let res = 0;
    while (accepted < count) {
      const iocb = this.#process.space.pointer(iocbpp, accepted, compat);
      res = iocb < 0 ? -EFAULT : this.#io_submit_one(context, iocb, compat);
      if (res < 0) break;
      accepted++;
    }
    credits.end?.();
    return accepted > 0 ? accepted : res;
  }

  #io_submit_one(context: Kioctx, iocb: Address, compat: boolean): number {
    const { machine: { disk, files, today } } = this.#process;
    const reader = this.#reader;
    let errno = reader.read(iocb);
    if (errno === 0 && !today) {
      const { file } = reader;
      if (typeof file === "number") errno = file;
    }
    if (errno === 0) errno = disk.submitFault?.(context) ?? 0;
    if (errno !== 0) return errno;
    if (!context.credits.take()) return -EAGAIN;
    const request = this.#idle.pop()?.renew(context, iocb) ?? new Kiocb(this, context, iocb);
    errno = reader.prepare(request, compat);
    if (errno !== 0) {
      context.credits.giveBack();
      this.#aio_put_req(request);
      return errno;
    }
    context.active.add(request);
    files.hold(request);
    context.runList.aio_run_iocb(request);
    this.#process.runKicked(context);
    return 0;
  }

  /** Counterpart also of `__aio_put_req`: nothing knows the request any more. */
  #aio_put_req(request: Kiocb): void {
    request.release();
    this.#idle.push(request);
  }

  /** See {@link KiocbOwner.kick_iocb}. */
  kick_iocb(request: Kiocb): void {
    this.#process.runListOf(request).kick_iocb(request);
  }

  /** See {@link KiocbOwner.progressed}. */
  progressed(request: Kiocb, res: number): void {
    const result = aio_advance_iovec(request, res);
    // There is more to do, in the next run.
    if (result === undefined) return request.kick();
    this.#process.aio_complete(request, result);
    // The synchronous path still reads its result.
    if (request.context !== undefined) this.#aio_put_req(request);
  }

  /**
   * Runs one request without a context: counterpart of `wait_on_sync_kiocb`.
   *
   * @returns Bytes or `-errno`
   */
  run_sync_kiocb(iocb: Address): number {
    const { files } = this.#process.machine;
    const request = new Kiocb(this, undefined, iocb);
    files.begin();
    const errno = this.#reader.read(iocb) || this.#reader.prepare(request, false);
    if (errno !== 0) return errno;
    files.hold(request);
    this.#process.runListOf(request).aio_run_iocb(request);
    while (request.result === undefined) {
      if (this.#process.advance(Infinity)) continue;
      request.cancel?.();
      files.release(request);
      return -EDEADLK;
    }
    return request.result;
  }
}
