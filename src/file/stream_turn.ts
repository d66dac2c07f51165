/**
 * Pipes, sockets and terminals, which can keep a request waiting for ever.
 *
 * @module
 */
import { IOCB_CMD_POLL } from "../abi/opcodes.ts";
import type { OpenFile } from "./open_file.ts";
import { transfer } from "./transfer.ts";

/**
 * Does something with a stream once it is ready for it. io_submit would wait for the other end and
 * hold the thread, so the kernel is asked to poll first; and one at a time, as two who saw the
 * same bytes announced would both try to take them.
 *
 * @param file The stream
 * @param events POLLIN or POLLOUT
 * @param action What to do
 */
export async function whenReady<T>(
  file: OpenFile,
  events: number,
  action: () => Promise<T>,
): Promise<T> {
  // Each direction is a byte of the lock
  const release = await file.lock.hold(events, events + 1, true);
  try {
    await transfer(file, IOCB_CMD_POLL, 0, events, 0, undefined);
    return await action();
  } finally {
    release();
  }
}
