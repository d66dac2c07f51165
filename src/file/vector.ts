/**
 * Reads and writes of several buffers at once: by a thread that is given all of them, or through one
 * buffer.
 *
 * @module
 */
import { IOCB_CMD_PREAD, IOCB_CMD_PWRITE } from "../abi/opcodes.ts";
import { checkIntact, copyBytes, isPlain, ownView, partOf } from "../memory/intrinsics.ts";
import { readvOnThread, writevOnThread } from "../threads/fs_threads.ts";
import { type MemoryVector, wholeRange } from "./arguments.ts";
import type { OpenFile } from "./open_file.ts";
import { read } from "./read.ts";
import { lockBytes } from "./write.ts";

/** Whether a thread takes the buffers as they are. */
export function isForThreads(file: OpenFile, { parts, length }: MemoryVector): boolean {
  return length > 0 && file.router.hasVectors && parts.every(({ bytes }) => isPlain(bytes));
}

/** Fills the buffers, one after the other. Resolves with the number of bytes. */
export async function readVector(file: OpenFile, vector: MemoryVector): Promise<number> {
  if (isForThreads(file, vector)) {
    return await file.during(() => moveVector(file, IOCB_CMD_PREAD, vector));
  }
  const bytes = new Uint8Array(vector.length);
  const { bytesRead } = await read(file, wholeRange(bytes, vector.position));
  scatterTo(vector, bytes.subarray(0, bytesRead));
  return bytesRead;
}

/** Writes the buffers; see {@link isForThreads}. Resolves with the number of bytes. */
export function writeVector(file: OpenFile, vector: MemoryVector): Promise<number> {
  const lock = lockBytes(file, vector, true);
  // It asks for its turn of the cursor in the moment in which the lock was made; see RangeLock.
  lock.block();
  return file.during(async () => {
    try {
      return await moveVector(file, IOCB_CMD_PWRITE, vector, () => {
        lock.unblock();
        return lock.granted();
      });
    } finally {
      lock.release();
    }
  });
}

/**
 * Has a thread move a vector.
 *
 * @param ready What it waits for when it is its turn
 */
function moveVector(
  file: OpenFile,
  opcode: number,
  { parts, length, position }: MemoryVector,
  ready?: () => Promise<void>,
): Promise<number> {
  const call = opcode === IOCB_CMD_PREAD ? readvOnThread : writevOnThread;
  return file.cursor.at(position, async (at) => {
    if (ready !== undefined) await ready();
    // When it is their turn, as memory may have been lost by then.
    const memories = parts.map(({ bytes, length }) => {
      checkIntact(bytes, length, opcode === IOCB_CMD_PREAD ? "read into" : "write from");
      return ownView(bytes, 0, length);
    });
    const res = await file.router.transferVector(call, memories, at);
    if (res < 0) throw file.error(res, opcode, at, length);
    // A thread may have written to memory that is no longer under its view.
    if (opcode === IOCB_CMD_PREAD) {
      for (const { bytes, length } of parts) checkIntact(bytes, length, "read into");
    }
    return res;
  });
}

/** Hands bytes out to the buffers of a readv. */
function scatterTo({ parts }: MemoryVector, bytes: Uint8Array): void {
  let at = 0;
  for (const { bytes: part, length } of parts) {
    checkIntact(part, length, "read into");
    copyBytes(part, bytes.subarray(at, at + length));
    at += length;
  }
}

/** The bytes of a writev, one behind the other. */
export function gatherFrom({ parts, length }: MemoryVector): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const { bytes, length } of parts) {
    whole.set(partOf(bytes, 0, length), at);
    at += length;
  }
  return whole;
}
