/**
 * Requests that move no bytes: syncs and polls.
 *
 * @module
 */
import { promiseOf, type Settles, Transfer } from "../route/transfer.ts";
import type { OpenFile } from "./open_file.ts";

/** One request, from queueing to completion. The result: 0, or the mask of a poll. */
export class Control extends Transfer implements Settles<number> {
  declare protected readonly file: OpenFile;
  resolve!: (res: number) => void;
  reject!: (reason: unknown) => void;
  /** Whether the file does not wait for it. */
  #isLeft = false;
  /** The result. */
  readonly promise: Promise<number> = promiseOf(this);

  /**
   * Queues it.
   *
   * @param file Of which file
   * @param opcode IOCB_CMD_*
   * @param mask Of a poll
   */
  constructor(file: OpenFile, opcode: number, mask = 0) {
    super(file);
    this.opcode = opcode;
    // aio_buf of a poll holds the mask.
    this.address = mask;
    file.enter();
    file.router.begin(this);
    file.loop.send();
  }

  override settle(res: number): void {
    if (!this.#isLeft) this.file.leave();
    if (res >= 0) this.resolve(res);
    else this.reject(this.file.error(res, this.opcode, 0, 0));
  }

  /**
   * Ends a poll early. One that the kernel cannot end does not keep the file from being closed: it
   * holds the open file by itself, and needs no descriptor.
   */
  cancel(): void {
    if (!this.file.core.submission.endPoll(this) || this.#isLeft) return;
    this.#isLeft = true;
    this.file.leave();
    // No event has the event loop see that nothing is left to wait for.
    this.file.loop.schedule();
  }
}
