import { EAGAIN, EOPNOTSUPP } from "../abi/errno.ts";
import { RWF_NOWAIT } from "../abi/rw_flags.ts";
import type { AioContext } from "../context/aio_context.ts";
import type { Kernel } from "../kernel.ts";
import { find } from "./finding.ts";
import type { Finding } from "./probe_result.ts";
import { withContext } from "./with_context.ts";

/**
 * Finds out whether a read can be told not to wait for the disk.
 *
 * @param kernel The kernel.
 * @param fd A file opened for reading, through the page cache.
 * @param where What is said to lack it, if it does.
 * @returns Whether it works.
 */
export function probeNowait(kernel: Kernel, fd: number, where: string): Promise<Finding> {
  const request = async (aio: AioContext): Promise<void> => {
    aio.read(fd, new Uint8Array(1), { flags: RWF_NOWAIT });
    for await (const { res, error } of aio) {
      if (res === -EOPNOTSUPP) {
        throw new Error(
          kernel.files?.blocksFor(fd) === "nothing"
            ? "not needed, as io_submit never waits here"
            : `not on the file system of ${where}`,
        );
      }
      // That is how it says that it would have to wait
      if (error && res !== -EAGAIN) throw error;
    }
  };
  return find(() => withContext(kernel, request));
}
