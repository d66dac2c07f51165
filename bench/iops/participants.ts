/**
 * Who takes part: kaio, the runtime's own files, fio, and a bare loop in C.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { constants, openSync, read, readSync, write, writeSync } from "node:fs";
import { type FileHandle, open as openHandle } from "node:fs/promises";
import { AioContext, type AioFile, type KernelName, open } from "../../mod.ts";
import { inBatches, libaioInBatches } from "../../src/cli/fio_job.ts";
import type { RuntimeName } from "../runtimes.ts";
import { openBatches, openCopies, openIterator, openLoop, openPromises } from "./bare.ts";
import type { CommandMaker } from "./command.ts";
import type { CostName } from "./costs.ts";
import { fio } from "./fio.ts";
import { loop } from "./loop.ts";
import type { Pass } from "./pass.ts";
import type { Workload } from "./workloads.ts";

/** What a process is started for. */
export interface Task {
  /** The participant. */
  readonly name: string;
  readonly path: string;
  /** Whether the file is opened with O_DIRECT. */
  readonly direct: boolean;
  /** What is done. */
  readonly work: Workload;
  /** Whether some of that writes. */
  readonly write: boolean;
  /** How many requests are in flight. */
  readonly depth: number;
  /** The measured time. */
  readonly seconds: number;
  /** How many blocks the file has. */
  readonly blocks: number;
  /** Whether they begin with their numbers. */
  readonly stamped: boolean;
  /** Which cost is measured, in place of speed. */
  readonly cost?: CostName;
}

/** Keeps one request in flight in each slot until the pass says that it is over. */
export type Run = (pass: Pass) => Promise<void>;

/**
 * Opens the file. The end of the process closes it.
 *
 * @param buffers What each slot's last read brought, or its next write writes
 */
export type Opener = (task: Task, buffers: Uint8Array[]) => Run | Promise<Run>;

/** A program in JavaScript, or another. */
export interface Participant {
  /** What `--only` calls it. */
  readonly name: string;
  /** What the table calls it when it reads. */
  readonly label: string;
  /** Opens the file, in JavaScript. */
  readonly open?: Opener;
  /** Makes the command of another program. */
  readonly command?: CommandMaker;
  /** The one runtime that has it. */
  readonly runtime?: RuntimeName;
  /** What is added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether only one request can be in flight. */
  readonly single?: true;
  /** Whether it does not write. */
  readonly readsOnly?: true;
  /** Whether it cannot bypass the page cache. */
  readonly cachedOnly?: true;
}

const LIBAIO = "--ioengine=libaio";
const REAP = "--userspace_reap=1";
const URING = "--ioengine=io_uring";
const REGISTERED = [URING, "--fixedbufs=1", "--registerfiles=1"];

const quarter = (depth: number): string[] => inBatches(depth, Math.ceil(depth / 4));
const half = (depth: number): string[] => inBatches(depth, Math.ceil(depth / 2));

/** `for await (const batch of aio.batches())`, or `for await (const completion of aio)`. */
function openContext(kernel: KernelName, loop: "batches" | "completions"): Opener {
  return (task, buffers) => {
    const aio = new AioContext<number>({ entries: task.depth, kernel });
    const fd = openSync(task.path, openFlags(task));
    return async (pass) => {
      const request = (slot: number): void => {
        const position = pass.start(slot);
        if (pass.writes) aio.write(fd, buffers[slot]!, { position, data: slot });
        else aio.read(fd, buffers[slot]!, { position, data: slot });
      };
      for (let slot = 0; slot < task.depth; slot++) request(slot);
      if (loop === "batches") {
        for await (const batch of aio.batches()) {
          for (const { data, res } of batch) if (pass.end(data, res)) request(data);
        }
      } else {
        for await (const { data, res } of aio) if (pass.end(data, res)) request(data);
      }
    };
  };
}

/** `read` and `write` of a file, with memory of the caller's; all on one handle. */
function openFile(openHandle: (task: Task) => Promise<FileHandle>): Opener {
  return async (task, buffers) => {
    const file = await openHandle(task);
    const { block } = task.work;
    return promises<{ bytesRead: number } | { bytesWritten: number }>(
      buffers,
      (slot, position, writes) =>
        writes
          ? file.write(buffers[slot]!, 0, block, position)
          : file.read(buffers[slot]!, 0, block, position),
      (result) => "bytesRead" in result ? result.bytesRead : result.bytesWritten,
    );
  };
}

/** As another opener, with memory as programs have it. */
function withBuffers(open: Opener): Opener {
  return (task, buffers) => {
    buffers.forEach((_, slot) => buffers[slot] = Buffer.alloc(task.work.block));
    return open(task, buffers);
  };
}

/** `file.readAt`, which gives each time new memory. */
async function openReadAt(task: Task, buffers: Uint8Array[]): Promise<Run> {
  const file = await openKaio("linux")(task);
  const { block } = task.work;
  return promises(buffers, (_, position) => file.readAt(position, block), (bytes, slot) => {
    buffers[slot] = bytes;
    return bytes.byteLength;
  });
}

/** `file.readMany`, whose bytes are valid until the next step of the loop. */
async function openReadMany(task: Task, buffers: Uint8Array[]): Promise<Run> {
  const file = await openKaio("linux")(task);
  return async (pass) => {
    const free = [...buffers.keys()];
    let running = true;
    function* ranges() {
      while (running) {
        const slot = free.pop()!;
        yield { position: pass.start(slot), length: task.work.block, data: slot };
      }
    }
    for await (const { bytes, data: slot } of file.readMany(ranges(), { depth: task.depth })) {
      running = pass.end(slot, bytes.byteLength);
      if (running) free.push(slot);
      else buffers[slot]!.set(bytes);
    }
  };
}

function openKaio(kernel: KernelName): (task: Task) => Promise<AioFile> {
  return (task) => {
    const context = new AioContext({ entries: task.depth, kernel });
    return open(task.path, openFlags({ ...task, direct: false }), { direct: task.direct, context });
  };
}

function openOwn(task: Task): Promise<FileHandle> {
  return openHandle(task.path, openFlags(task));
}

/** `fs.read` with a callback; one function for each slot, made before. */
function openCallbacks(task: Task, buffers: Uint8Array[]): Run {
  const fd = openSync(task.path, openFlags(task));
  return (pass) =>
    new Promise((resolve, reject) => {
      let inFlight = task.depth;
      const callbacks = buffers.map((_, slot) => (error: Error | null, bytes: number): void => {
        if (error) reject(error);
        else if (pass.end(slot, bytes)) request(slot);
        else if (--inFlight === 0) resolve();
      });
      const request = (slot: number): void => {
        const position = pass.start(slot);
        const transfer = (pass.writes ? write : read) as typeof read;
        transfer(fd, buffers[slot]!, 0, task.work.block, position, callbacks[slot]!);
      };
      for (let slot = 0; slot < task.depth; slot++) request(slot);
    });
}

/** `fs.readSync`: one at a time. */
function openSyncCalls(task: Task, [buffer]: Uint8Array[]): Run {
  const fd = openSync(task.path, openFlags(task));
  const request = (pass: Pass): number => {
    const position = pass.start(0);
    const transfer = (pass.writes ? writeSync : readSync) as typeof readSync;
    return transfer(fd, buffer!, 0, task.work.block, position);
  };
  return (pass) => {
    while (pass.end(0, request(pass)));
    return Promise.resolve();
  };
}

/** `Bun.file(path).slice(start, end).arrayBuffer()`, which gives each time new memory. */
function openSlices({ path, work: { block } }: Task, buffers: Uint8Array[]): Run {
  const file = own.Bun.file(path);
  const slice = (_: number, position: number) =>
    file.slice(position, position + block).arrayBuffer();
  return promises(buffers, slice, (memory, slot) => {
    const bytes = buffers[slot] = new Uint8Array(memory);
    return bytes.byteLength;
  });
}

/** `Deno.FsFile`: it has no positions but its own, so each slot has a file. */
async function openFsFiles({ path, write }: Task, buffers: Uint8Array[]): Promise<Run> {
  const files = await Promise.all(buffers.map(() => own.Deno.open(path, { read: true, write })));
  return promises(buffers, async (slot, position, writes) => {
    const file = files[slot]!;
    await file.seek(position, 0);
    return await (writes ? file.write(buffers[slot]!) : file.read(buffers[slot]!));
  }, (count) => count!);
}

/** What only one of the runtimes has. */
const own = globalThis as unknown as {
  readonly Bun: { file(path: string): Blob };
  readonly Deno: {
    open(path: string, options: { read: boolean; write: boolean }): Promise<{
      seek(offset: number, whence: number): Promise<number>;
      read(buffer: Uint8Array): Promise<number | null>;
      write(buffer: Uint8Array): Promise<number>;
    }>;
  };
};

/** The flags for `open` of `node:fs`. */
export function openFlags({ direct, write, work }: Task): number {
  return (write ? constants.O_RDWR : constants.O_RDONLY) | (direct ? constants.O_DIRECT : 0) |
    (work.synced ? constants.O_DSYNC : 0);
}

/**
 * Keeps as many promises going as there are buffers, one after the other in each slot.
 *
 * @param request Makes the promise that is awaited: there is no other one around it, whose cost
 * would count for the library
 * @param countOf How many bytes its result tells of
 */
export function promises<R>(
  buffers: Uint8Array[],
  request: (slot: number, position: number, writes: boolean) => Promise<R>,
  countOf: (result: R, slot: number) => number,
): Run {
  return async (pass) => {
    await Promise.all(buffers.map(async (_, slot) => {
      // The arguments are read in this order.
      while (
        pass.end(slot, countOf(await request(slot, pass.start(slot), pass.writes), slot))
      );
    }));
  };
}

/** All who take part, in the order of the table. */
export const PARTICIPANTS: readonly Participant[] = [
  { name: "kaio-batches", label: "kaio batches", open: openContext("linux", "batches") },
  { name: "kaio-loop", label: "kaio for await", open: openContext("linux", "completions") },
  { name: "kaio-read", label: "kaio file.read", open: openFile(openKaio("linux")) },
  {
    name: "kaio-buffer",
    label: "kaio file.read, Buffer",
    open: withBuffers(openFile(openKaio("linux"))),
  },
  { name: "kaio-many", label: "kaio file.readMany", open: openReadMany, readsOnly: true },
  { name: "kaio-readat", label: "kaio file.readAt", open: openReadAt, readsOnly: true },
  { name: "portable-batches", label: "portable batches", open: openContext("portable", "batches") },
  {
    name: "portable-loop",
    label: "portable for await",
    open: openContext("portable", "completions"),
  },
  { name: "portable-read", label: "portable file.read", open: openFile(openKaio("portable")) },
  { name: "fs-callback", label: "fs.read", open: openCallbacks },
  {
    name: "fs-pool-64",
    label: "fs.read, 64 threads",
    open: openCallbacks,
    runtime: "node",
    env: { UV_THREADPOOL_SIZE: "64" },
  },
  { name: "fs-handle", label: "FileHandle.read", open: openFile(openOwn) },
  { name: "fs-sync", label: "fs.readSync", open: openSyncCalls, single: true },
  {
    name: "bun-slice",
    label: "Bun.file().slice()",
    open: openSlices,
    runtime: "bun",
    readsOnly: true,
    cachedOnly: true,
  },
  {
    name: "deno-fsfile",
    label: "Deno.FsFile.read",
    open: openFsFiles,
    runtime: "deno",
    cachedOnly: true,
  },
  { name: "js-loop", label: "JavaScript loop", open: openLoop, readsOnly: true },
  { name: "js-batches", label: "JavaScript batches", open: openBatches, readsOnly: true },
  { name: "js-iterator", label: "JavaScript for await", open: openIterator, readsOnly: true },
  { name: "js-promises", label: "JavaScript promises", open: openPromises, readsOnly: true },
  { name: "js-copies", label: "JavaScript copies", open: openCopies, readsOnly: true },
  // By itself fio makes one io_submit for each request, and takes one completion at a time.
  { name: "fio-getevents", label: "fio libaio", command: fio(() => [LIBAIO]) },
  { name: "fio-reap", label: "fio libaio, reap", command: fio(() => [LIBAIO, REAP]) },
  { name: "fio-batch", label: "fio libaio, reap, batch", command: fio(libaioInBatches) },
  {
    name: "fio-half",
    label: "fio libaio, reap, half",
    command: fio((depth) => [LIBAIO, REAP, ...half(depth)]),
  },
  { name: "fio-uring", label: "fio io_uring", command: fio(() => [URING]) },
  {
    name: "fio-fixed",
    label: "fio io_uring, fixed, batch",
    command: fio((depth) => [...REGISTERED, ...quarter(depth)]),
  },
  {
    name: "fio-sqpoll",
    label: "fio io_uring, SQPOLL",
    command: fio((depth) => [...REGISTERED, "--sqthread_poll=1", ...quarter(depth)]),
  },
  { name: "fio-psync", label: "fio psync", command: fio(() => ["--ioengine=psync"]), single: true },
  { name: "c-loop", label: "C loop", command: loop },
];

/** The participant of this name. */
export function participantOf(name: string): Participant {
  return PARTICIPANTS.find((participant) => participant.name === name)!;
}
