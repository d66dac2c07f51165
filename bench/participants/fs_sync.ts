import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { makeBuffers, type Participant, type Work } from "../participant.ts";
import type { Pass } from "../pass.ts";
import { BLOCK } from "../positions.ts";
import { openFlags } from "./open_flags.ts";

/** `fs.readSync`: one at a time. */
export function openSyncCalls(work: Work): Promise<Participant> {
  const fd = openSync(work.path, openFlags(work));
  const buffers = makeBuffers(1);
  const buffer = buffers[0]!;

  function run(pass: Pass): Promise<void> {
    if (work.write) { while (pass.end(0, writeSync(fd, buffer, 0, BLOCK, pass.start(0)))); }
    else while (pass.end(0, readSync(fd, buffer, 0, BLOCK, pass.start(0))));
    return Promise.resolve();
  }

  return Promise.resolve({ buffers, run, close: () => Promise.resolve(closeSync(fd)) });
}
