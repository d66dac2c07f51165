import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { isPermitted } from "../../ffi/permission.ts";
import { AioRing } from "../abi/aio_ring.ts";
import { EAGAIN, EOPNOTSUPP } from "../abi/errno.ts";
import { POLLOUT } from "../abi/poll.ts";
import { RWF_NOWAIT } from "../abi/rw_flags.ts";
import { AioContext } from "../context/aio_context.ts";
import { AioError } from "../errors/aio_error.ts";
import type { Kernel } from "../kernel.ts";

/** Whether something works. */
export interface Finding {
  readonly works: boolean;
  /** Why not. */
  readonly note?: string;
}

/** What was found of each call. */
export type CallFindings = Awaited<ReturnType<typeof probeCalls>>;

const NO_FILE = "no file may be opened to try it";

/** A file to try calls on. */
export interface TriedFile {
  readonly fd: number;
  /** Where it is, for people. */
  readonly path: string;
  /** Closes it, and leaves nothing behind. */
  remove(): void;
}

/** Where the temporary file is made. */
export function temporaryFolder(): string {
  const named = ["TMPDIR", "TMP", "TEMP"].every((variable) =>
    isPermitted({ name: "env", variable })
  );
  return named ? tmpdir() : "/tmp";
}

/**
 * A small file of our own; where none can be written, the program of the runtime; `undefined` where
 * that may not be read either.
 */
export function openTriedFile(): TriedFile | undefined {
  let folder: string | undefined;
  let fd: number | undefined;
  const remove = () => {
    if (fd !== undefined) closeSync(fd);
    if (folder !== undefined) rmSync(folder, { recursive: true });
  };
  const path = temporaryFolder();
  try {
    if (!isPermitted({ name: "write", path })) throw new Error("Not permitted");
    folder = mkdtempSync(join(path, "kaio-probe-"));
    fd = openSync(join(folder, "file"), "w+");
    writeSync(fd, new Uint8Array(1));
    return { fd, path, remove };
  } catch {
    remove();
    return openProgram();
  }
}

function openProgram(): TriedFile | undefined {
  const path = process.execPath;
  try {
    if (!isPermitted({ name: "read", path })) return undefined;
    const fd = openSync(path, "r");
    return { fd, path, remove: () => closeSync(fd) };
  } catch {
    return undefined;
  }
}

/** Tries the calls of a kernel, on a file where they need one. */
export async function probeCalls(kernel: Kernel, file: TriedFile | undefined) {
  const onFile = (queue: (aio: AioContext, fd: number) => void) => () => {
    if (file === undefined) throw new Error(NO_FILE);
    return request(kernel, (aio) => queue(aio, file.fd));
  };
  return {
    io_setup: await find(() => withRawContext(kernel, () => {})),
    io_submit: await find(onFile((aio, fd) => aio.read(fd, new Uint8Array(1)))),
    io_pgetevents: await find(() => withRawContext(kernel, (id) => callPgetevents(kernel, id))),
    ring: await find(() => withRawContext(kernel, (id) => checkRing(kernel, id))),
    eventfd: await find(() => withWakeup(kernel, () => {})),
    FSYNC: await find(onFile((aio, fd) => aio.fsync(fd))),
    FDSYNC: await find(onFile((aio, fd) => aio.fdatasync(fd))),
    POLL: await find(() =>
      withWakeup(kernel, (wakeup) => request(kernel, (aio) => aio.poll(wakeup, POLLOUT)))
    ),
    RWF_NOWAIT: file
      ? await probeNowait(kernel, file.fd, file.path)
      : { works: false, note: NO_FILE },
  };
}

/**
 * Finds out whether a read can be submitted so that it does not wait for the disk.
 *
 * @param kernel The kernel.
 * @param fd A file opened for reading, through the page cache.
 * @param path Where the file is, for the note.
 */
export function probeNowait(kernel: Kernel, fd: number, path: string): Promise<Finding> {
  const read = (aio: AioContext) => aio.read(fd, new Uint8Array(1), { flags: RWF_NOWAIT });
  return find(() =>
    request(kernel, read).catch((error: AioError) => {
      // EAGAIN is how the kernel says that the read would have to wait.
      if (error.errno === -EAGAIN) return;
      if (error.errno !== -EOPNOTSUPP) throw error;
      if (kernel.files?.blocksFor(fd) === "nothing") {
        throw new Error("not needed, as io_submit never waits here");
      }
      throw new Error(`not on the file system of ${path}`);
    })
  );
}

/** Tries something: it works unless `action` throws. */
export async function find(action: () => unknown): Promise<Finding> {
  try {
    await action();
    return { works: true };
  } catch (error) {
    return { works: false, note: error instanceof Error ? error.message : String(error) };
  }
}

/** Does something with a context for one request. Node 22 cannot parse `await using`. */
export async function withContext(
  kernel: Kernel,
  action: (aio: AioContext) => Promise<void>,
): Promise<void> {
  const aio = new AioContext({ kernel, entries: 1 });
  try {
    await action(aio);
  } finally {
    await aio[Symbol.asyncDispose]();
  }
}

/** Does one request. */
function request(kernel: Kernel, queue: (aio: AioContext) => void): Promise<void> {
  return withContext(kernel, async (aio) => {
    queue(aio);
    for await (const { error } of aio) if (error) throw error;
  });
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

async function withWakeup(kernel: Kernel, action: (fd: number) => unknown): Promise<void> {
  const wakeup = kernel.wakeup?.(() => {});
  if (wakeup === undefined) throw new Error("this kernel has none");
  try {
    await action(wakeup.fd);
  } finally {
    wakeup.close();
  }
}

function callPgetevents(kernel: Kernel, id: number): void {
  const { address, free } = kernel.allocate(4096);
  check(kernel.io_pgetevents(id, 0, 1, address, 0, 0), "io_pgetevents");
  free();
}

function checkRing(kernel: Kernel, id: number): void {
  if (new AioRing(kernel, id).usable) return;
  throw new Error("its layout is not known: completions are taken by io_getevents");
}

function check(result: number, syscall: string): void {
  if (result < 0) throw new AioError(result, syscall);
}
