/**
 * kaio as a participant: contexts in the two ways of looping over them, and files.
 *
 * @module
 */
import { closeSync, openSync } from "node:fs";
import { AioContext, type AioFile, type KernelName, open } from "../../mod.ts";
import { linux } from "../../src/syscalls.ts";
import { BLOCK } from "../blocks.ts";
import { makeBuffers, type Opener, openFlags, promises, type Request } from "./opened.ts";
import { requestsOf, Unavailable } from "./opened.ts";
import type { Pass } from "./pass.ts";

/** `for await (const batch of aio.batches())` */
export function openBatches(kernel: KernelName): Opener {
  return openContext(kernel, async (aio, pass, request) => {
    for await (const batch of aio.batches()) {
      for (const { data, res } of batch) if (pass.end(data, res)) request(data);
    }
  });
}

/** `for await (const completion of aio)` */
export function openLoop(kernel: KernelName): Opener {
  return openContext(kernel, async (aio, pass, request) => {
    for await (const { data, res } of aio) if (pass.end(data, res)) request(data);
  });
}

function openContext(
  kernel: KernelName,
  loop: (aio: AioContext<number>, pass: Pass, request: (slot: number) => void) => Promise<void>,
): Opener {
  return (work) => {
    const aio = makeContext(kernel, work.depth);
    const fd = openSync(work.path, openFlags(work));
    const buffers = makeBuffers(work.depth);
    const run = async (pass: Pass): Promise<void> => {
      const request = (slot: number): void => {
        const position = pass.start(slot);
        if (work.write) aio.write(fd, buffers[slot]!, { position, data: slot });
        else aio.read(fd, buffers[slot]!, { position, data: slot });
      };
      for (let slot = 0; slot < work.depth; slot++) request(slot);
      await loop(aio, pass, request);
    };
    const close = async (): Promise<void> => {
      await aio[Symbol.asyncDispose]();
      closeSync(fd);
    };
    return Promise.resolve({ buffers, run, close });
  };
}

/** `file.read` and `file.write`, with memory of the caller's. */
export function openFile(kernel: KernelName): Opener {
  return openWith(kernel, requestsOf);
}

/** `file.readAt`, which gives each time new memory. */
export function openReadAt(kernel: KernelName): Opener {
  return openWith(kernel, (file, buffers) => async (slot, position) => {
    const bytes = await file.readAt(position, BLOCK);
    buffers[slot] = bytes;
    return bytes.byteLength;
  });
}

function openWith(
  kernel: KernelName,
  requestOf: (file: AioFile, buffers: Uint8Array[], write: boolean) => Request,
): Opener {
  return async ({ path, depth, direct, write }) => {
    const context = makeContext(kernel, depth);
    const file = await open(path, write ? "r+" : "r", { direct, context });
    const buffers = makeBuffers(depth);
    return promises(buffers, requestOf(file, buffers, write), async () => {
      await file.close();
      await context[Symbol.asyncDispose]();
    });
  };
}

function makeContext(kernel: KernelName, entries: number): AioContext<number> {
  if (kernel === "linux" && linux === undefined) {
    throw new Unavailable("no Linux AIO in this runtime or on this machine");
  }
  return new AioContext({ entries, kernel });
}
