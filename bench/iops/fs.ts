/**
 * The runtime's own `fs` as a participant.
 *
 * @module
 */
import { closeSync, openSync, read, readSync, write, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { BLOCK } from "../blocks.ts";
import { makeBuffers, type Opened, openFlags, promises, requestsOf, type Work } from "./opened.ts";
import type { Pass } from "./pass.ts";

/** `fs.read` with a callback; one function for each slot, made before. */
export function openCallbacks(work: Work): Promise<Opened> {
  const fd = openSync(work.path, openFlags(work));
  const buffers = makeBuffers(work.depth);
  const run = (pass: Pass): Promise<void> =>
    new Promise((resolve, reject) => {
      let inFlight = work.depth;
      const callbacks = buffers.map((_, slot) => (error: Error | null, bytes: number): void => {
        if (error) reject(error);
        else if (pass.end(slot, bytes)) request(slot);
        else if (--inFlight === 0) resolve();
      });
      const request = (slot: number): void => {
        if (work.write) write(fd, buffers[slot]!, 0, BLOCK, pass.start(slot), callbacks[slot]!);
        else read(fd, buffers[slot]!, 0, BLOCK, pass.start(slot), callbacks[slot]!);
      };
      for (let slot = 0; slot < work.depth; slot++) request(slot);
    });
  return Promise.resolve({ buffers, run, close: () => Promise.resolve(closeSync(fd)) });
}

/** `FileHandle.read` of `node:fs/promises`, all on one handle. */
export async function openHandle(work: Work): Promise<Opened> {
  const handle = await open(work.path, openFlags(work));
  const buffers = makeBuffers(work.depth);
  return promises(buffers, requestsOf(handle, buffers, work.write), () => handle.close());
}

/** `fs.readSync`: one at a time. */
export function openSyncCalls(work: Work): Promise<Opened> {
  const fd = openSync(work.path, openFlags(work));
  const buffers = makeBuffers(1);
  const buffer = buffers[0]!;
  const run = (pass: Pass): Promise<void> => {
    if (work.write) { while (pass.end(0, writeSync(fd, buffer, 0, BLOCK, pass.start(0)))); }
    else while (pass.end(0, readSync(fd, buffer, 0, BLOCK, pass.start(0))));
    return Promise.resolve();
  };
  return Promise.resolve({ buffers, run, close: () => Promise.resolve(closeSync(fd)) });
}
