import { closeSync, openSync, read, write } from "node:fs";
import { makeBuffers, type Participant, type Work } from "../participant.ts";
import type { Pass } from "../pass.ts";
import { BLOCK } from "../positions.ts";
import { openFlags } from "./open_flags.ts";

/** `fs.read` with a callback; one function for each slot, made before. */
export function openCallback(work: Work): Promise<Participant> {
  const fd = openSync(work.path, openFlags(work));
  const buffers = makeBuffers(work.depth);

  function run(pass: Pass): Promise<void> {
    return new Promise((resolve, reject) => {
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
  }

  return Promise.resolve({ buffers, run, close: () => Promise.resolve(closeSync(fd)) });
}
