import { open } from "node:fs/promises";
import { makeBuffers, type Participant, type Work } from "../participant.ts";
import { BLOCK } from "../positions.ts";
import { openFlags } from "./open_flags.ts";
import { runWorkers } from "./workers.ts";

/** `FileHandle.read` of `node:fs/promises`, all on one handle. */
export async function openHandle(work: Work): Promise<Participant> {
  const handle = await open(work.path, openFlags(work));
  const buffers = makeBuffers(work.depth);

  async function read(slot: number, position: number): Promise<number> {
    return (await handle.read(buffers[slot]!, 0, BLOCK, position)).bytesRead;
  }

  async function write(slot: number, position: number): Promise<number> {
    return (await handle.write(buffers[slot]!, 0, BLOCK, position)).bytesWritten;
  }

  return {
    buffers,
    run: (pass) => runWorkers(pass, work.depth, work.write ? write : read),
    close: () => handle.close(),
  };
}
