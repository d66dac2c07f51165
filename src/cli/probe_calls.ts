import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AioRing } from "../abi/aio_ring.ts";
import { POLLOUT } from "../abi/poll.ts";
import type { AioContext, Ticket } from "../context/aio_context.ts";
import { AioError } from "../errors/aio_error.ts";
import type { Kernel } from "../kernel.ts";
import { find } from "./finding.ts";
import type { CallName, Finding } from "./probe_result.ts";
import { probeNowait } from "./probe_nowait.ts";
import { withContext } from "./with_context.ts";

/**
 * Finds out what a kernel can do, on a small file that is made for it and removed.
 *
 * @param kernel The kernel.
 * @returns What works.
 */
export async function probeCalls(kernel: Kernel): Promise<Record<CallName, Finding>> {
  const folder = mkdtempSync(join(tmpdir(), "kaio-probe-"));
  const fd = openSync(join(folder, "file"), "w+");
  try {
    writeSync(fd, new Uint8Array(1));
    return {
      io_setup: await find(() => withRawContext(kernel, () => {})),
      io_submit: await find(() => run(kernel, (aio) => aio.read(fd, new Uint8Array(1)))),
      io_pgetevents: await find(() => withRawContext(kernel, (id) => callPgetevents(kernel, id))),
      ring: await find(() => withRawContext(kernel, (id) => lookAtRing(kernel, id))),
      eventfd: await find(() => makeWakeup(kernel).close()),
      FSYNC: await find(() => run(kernel, (aio) => aio.fsync(fd))),
      FDSYNC: await find(() => run(kernel, (aio) => aio.fdatasync(fd))),
      POLL: await find(() => pollEventfd(kernel)),
      RWF_NOWAIT: await probeNowait(kernel, fd, tmpdir()),
    };
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}

function check(result: number, syscall: string): void {
  if (result < 0) throw new AioError(result, syscall);
}

function withRawContext(kernel: Kernel, action: (id: number) => void): void {
  const id = new BigUint64Array(1);
  check(kernel.io_setup(1, id), "io_setup");
  try {
    action(Number(id[0]));
  } finally {
    check(kernel.io_destroy(Number(id[0])), "io_destroy");
  }
}

/** Does one request. */
function run(kernel: Kernel, queue: (aio: AioContext) => Ticket): Promise<void> {
  return withContext(kernel, async (aio) => {
    queue(aio);
    for await (const { error } of aio) if (error) throw error;
  });
}

function callPgetevents(kernel: Kernel, id: number): void {
  const { address, free } = kernel.allocate(4096);
  check(kernel.io_pgetevents(id, 0, 1, address, 0, 0), "io_pgetevents");
  free();
}

function lookAtRing(kernel: Kernel, id: number): void {
  if (!new AioRing(kernel, id).usable) {
    throw new Error("its layout is not known: completions are taken by io_getevents");
  }
}

function makeWakeup(kernel: Kernel): NonNullable<ReturnType<NonNullable<Kernel["wakeup"]>>> {
  if (kernel.wakeup === undefined) throw new Error("this kernel has none");
  return kernel.wakeup(() => {});
}

async function pollEventfd(kernel: Kernel): Promise<void> {
  const wakeup = makeWakeup(kernel);
  try {
    await run(kernel, (aio) => aio.poll(wakeup.fd, POLLOUT));
  } finally {
    wakeup.close();
  }
}
