/**
 * Reads and writes, one run after the other until all is moved.
 *
 * @module
 */
import { EFAULT } from "../abi/errno.ts";
import { PAGE_SIZE } from "../abi/page.ts";
import { lengthOf } from "./address_space.ts";
import { EIOCBQUEUED, EIOCBRETRY } from "./file.ts";
import type { Kiocb } from "./kiocb.ts";

/** One run of a transfer. Today's kernel makes one call of the file, that of 3.4 continues. */
export function aio_rw_vect_retry(request: Kiocb): number {
  const { file, writes } = request;
  while (true) {
    const missing = missingMemory(request);
    if (missing !== 0) return aio_advance_iovec(request, missing) ?? missing;
    const res = writes ? file.write!(request) : file.read!(request);
    if (res === -EIOCBQUEUED || res === -EIOCBRETRY) return res;
    const result = aio_advance_iovec(request, res);
    if (result !== undefined) return result;
  }
}

/** A run ends where memory is missing; it is -EFAULT if none is left at its beginning. */
function missingMemory(request: Kiocb): number {
  const { total, moved } = request;
  request.end = total;
  if (total === 0) return 0;
  let available = 0;
  for (const span of request.vector) available += lengthOf(span);
  if (available <= moved) {
    if (request.writes || !request.file.positional) return -EFAULT;
    // A read at the end of a file succeeds all the same, so it is begun with memory that faults.
    available = moved + PAGE_SIZE;
  }
  request.end = Math.min(total, available);
  return 0;
}

/**
 * Counts the bytes of one call of the file.
 *
 * @returns The result of the request; `undefined` if there is more to move
 */
export function aio_advance_iovec(request: Kiocb, res: number): number | undefined {
  if (!request.continues) return res;
  if (res > 0) request.moved += res;
  if (res > 0 && request.moved < request.total) return undefined;
  // An error after a part was written is hidden.
  return res >= 0 || (request.writes && request.moved > 0) ? request.moved : res;
}
