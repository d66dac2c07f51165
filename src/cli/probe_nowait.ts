import { EAGAIN, EOPNOTSUPP } from "../abi/errno.ts";
import { RWF_NOWAIT } from "../abi/rw_flags.ts";
import { AioContext } from "../context.ts";
import type { Kernel } from "../kernel.ts";
import { find } from "./finding.ts";
import type { Finding } from "./probe_result.ts";

/**
 * Finds out whether a read can be told not to wait for the disk.
 *
 * @param kernel The kernel.
 * @param fd A file opened for reading, through the page cache.
 * @param where What is said to lack it, if it does.
 * @returns Whether it works.
 */
export function probeNowait(kernel: Kernel, fd: number, where: string): Promise<Finding> {
  return find(async () => {
    await using aio = new AioContext({ kernel, entries: 1 });
    aio.read(fd, new Uint8Array(1), { flags: RWF_NOWAIT });
    for await (const { res, error } of aio) {
      if (res === -EOPNOTSUPP) {
        throw new Error(
          kernel.inThread
            ? "not needed: this kernel never waits when requests are submitted"
            : `not on the file system of ${where}`,
        );
      }
      // That is how it says that it would have to wait
      if (error && res !== -EAGAIN) throw error;
    }
  });
}
