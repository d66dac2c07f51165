/**
 * Pipes, sockets and terminals, which can keep a request waiting for ever.
 *
 * @module
 */
import { EAGAIN, EINVAL } from "../abi/errno.ts";
import { IOCB_CMD_POLL } from "../abi/opcodes.ts";
import { AioError } from "../errors/aio_error.ts";
import { sleep } from "../timers.ts";
import { abortable } from "./abortable.ts";
import { Control } from "./control.ts";
import type { OpenFile } from "./open_file.ts";

/** How long until the next look at what the kernel cannot wait for. */
const LOOK_AGAIN_MILLISECONDS = 10;

/**
 * Does something with a stream once it is ready for it. io_submit would wait for the other end and
 * block the thread, so the kernel is asked to poll first; and one at a time, as two operations that
 * saw the same bytes announced would both try to take them.
 *
 * @param file The stream
 * @param events POLLIN or POLLOUT
 * @param signal Ends the wait
 * @param action What to do
 */
export async function whenReady<T>(
  file: OpenFile,
  events: number,
  signal: AbortSignal | undefined,
  action: () => Promise<T>,
): Promise<T> {
  // Each direction is a byte of the lock.
  const turn = file.lock.lock(events, events + 1, true);
  const range = await abortable(turn, signal, () => turn.then((range) => range.release()));
  try {
    // A kernel that never blocks cannot poll: its request waits on a thread of the runtime.
    if (file.core.files.blocksFor(file.fd) === "nothing") return await tried(file, signal, action);
    await ready(file, events, signal);
    return await action();
  } finally {
    range.release();
  }
}

/** Does it again and again until it does not say that it would have to wait. */
async function tried<T>(
  file: OpenFile,
  signal: AbortSignal | undefined,
  action: () => Promise<T>,
): Promise<T> {
  while (true) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof AioError) || error.errno !== -EAGAIN) throw error;
    }
    file.checkContext("poll");
    await lookAgain(signal);
  }
}

async function ready(
  file: OpenFile,
  events: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  while (true) {
    try {
      const poll = new Control(file, IOCB_CMD_POLL, events);
      await abortable(poll.promise, signal, () => poll.cancel());
      return;
    } catch (error) {
      file.checkContext("poll");
      // What has two wait queues (a pipe opened for both directions, a terminal) is either ready at
      // once or EINVAL: the kernel does not wait for it. See aio_poll, fs/aio.c.
      if (!(error instanceof AioError) || error.errno !== -EINVAL) throw error;
    }
    await lookAgain(signal);
  }
}

async function lookAgain(signal: AbortSignal | undefined): Promise<void> {
  await sleep(LOOK_AGAIN_MILLISECONDS, undefined, signal === undefined ? {} : { signal })
    .catch(() => signal?.throwIfAborted());
}
