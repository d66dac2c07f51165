/**
 * Files: one promise a request.
 *
 * @module
 */
import { AioContext, type AioFile, type KernelName, open } from "../../mod.ts";
import { makeBuffers, type Participant, requireKernel, type Work } from "../participant.ts";
import { BLOCK } from "../positions.ts";
import { runWorkers } from "./workers.ts";

/** `file.read` and `file.write`, with memory of the caller's. */
export function openFile(work: Work, kernel?: KernelName): Promise<Participant> {
  return openWith(work, kernel, (file, buffers) => {
    async function read(slot: number, position: number): Promise<number> {
      return (await file.read(buffers[slot]!, 0, BLOCK, position)).bytesRead;
    }
    async function write(slot: number, position: number): Promise<number> {
      return (await file.write(buffers[slot]!, 0, BLOCK, position)).bytesWritten;
    }
    return work.write ? write : read;
  });
}

/** `file.readAt`, which gives each time new memory. */
export function openFileReadAt(work: Work): Promise<Participant> {
  return openWith(work, undefined, (file, buffers) => async (slot, position) => {
    const bytes = await file.readAt(position, BLOCK);
    buffers[slot] = bytes;
    return bytes.byteLength;
  });
}

async function openWith(
  work: Work,
  kernel: KernelName | undefined,
  requestOf: (
    file: AioFile,
    buffers: Uint8Array[],
  ) => (slot: number, position: number) => Promise<number>,
): Promise<Participant> {
  const context = new AioContext({ entries: work.depth, kernel: requireKernel(kernel) });
  const file = await open(work.path, work.write ? "r+" : "r", { direct: work.direct, context });
  const buffers = makeBuffers(work.depth);
  const request = requestOf(file, buffers);
  return {
    buffers,
    run: (pass) => runWorkers(pass, work.depth, request),
    async close() {
      await file.close();
      await context[Symbol.asyncDispose]();
    },
  };
}
