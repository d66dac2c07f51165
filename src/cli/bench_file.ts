import { randomFillSync } from "node:crypto";
import { open, rm } from "node:fs/promises";

const CHUNK = 2 ** 20;

/**
 * Makes a file for as long as a function runs, with bytes that no disk can store in less room.
 *
 * @param path The file, which must not exist.
 * @param size Its bytes, a multiple of 1 MiB.
 * @param signal Ends the making.
 * @param opened Is called before the first byte is written.
 * @param use What is done with the file.
 * @throws {Error} If the file exists or cannot be written; `signal.reason` if the signal is aborted.
 */
export async function withNewFile<Result>(
  path: string,
  size: number,
  signal: AbortSignal,
  opened: () => void,
  use: () => Promise<Result>,
): Promise<Result> {
  const file = await open(path, "wx");
  try {
    try {
      opened();
      const chunk = randomFillSync(new Uint8Array(CHUNK));
      for (let position = 0; position < size; position += CHUNK) {
        signal.throwIfAborted();
        await file.write(chunk, 0, CHUNK, position);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    return await use();
  } finally {
    await rm(path);
  }
}
