/**
 * Contexts, in the two ways of looping over them.
 *
 * @module
 */
import { closeSync, openSync } from "node:fs";
import { AioContext, type KernelName } from "../../mod.ts";
import { makeBuffers, type Participant, requireKernel, type Work } from "../participant.ts";
import type { Pass } from "../pass.ts";
import { openFlags } from "./open_flags.ts";

/** `for await (const batch of aio.batches())` */
export function openBatches(work: Work, kernel?: KernelName): Promise<Participant> {
  return openContext(work, kernel, async (aio, pass, request) => {
    for await (const batch of aio.batches()) {
      for (const { data, res } of batch) if (pass.end(data, res)) request(data);
    }
  });
}

/** `for await (const completion of aio)` */
export function openLoop(work: Work, kernel?: KernelName): Promise<Participant> {
  return openContext(work, kernel, async (aio, pass, request) => {
    for await (const { data, res } of aio) if (pass.end(data, res)) request(data);
  });
}

function openContext(
  work: Work,
  kernel: KernelName | undefined,
  loop: (aio: AioContext<number>, pass: Pass, request: (slot: number) => void) => Promise<void>,
): Promise<Participant> {
  const aio = new AioContext<number>({ entries: work.depth, kernel: requireKernel(kernel) });
  const fd = openSync(work.path, openFlags(work));
  const buffers = makeBuffers(work.depth);

  async function run(pass: Pass): Promise<void> {
    const request = (slot: number): void => {
      const position = pass.start(slot);
      if (work.write) aio.write(fd, buffers[slot]!, { position, data: slot });
      else aio.read(fd, buffers[slot]!, { position, data: slot });
    };
    for (let slot = 0; slot < work.depth; slot++) request(slot);
    await loop(aio, pass, request);
  }

  return Promise.resolve({
    buffers,
    run,
    async close() {
      await aio[Symbol.asyncDispose]();
      closeSync(fd);
    },
  });
}
