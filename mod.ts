/**
 * Asynchronous disk I/O for Bun, Deno and Node: the AIO of the Linux kernel, called through the
 * FFI that the runtime has built in.
 *
 * @example
 * ```ts
 * import { open } from "kaio";
 *
 * await using file = await open("app.db", "r", { direct: "try" });
 * let bytes = 0;
 * for await (const block of file.scan({ blockSize: 4096, depth: 64 })) bytes += block.bytes.length;
 * console.log(bytes);
 * ```
 *
 * @module
 */
export {
  AioContext,
  type AioContextOptions,
  type RequestOptions,
  type Ticket,
  type TransferOptions,
  type WaitOptions,
} from "./src/context/aio_context.ts";
export type { Completion } from "./src/context/completion.ts";
export type { Reap } from "./src/context/reaper.ts";
export type { KernelName } from "./src/choose_kernel.ts";
export { AioError, type AioErrorDetails } from "./src/errors/aio_error.ts";
export { allocate } from "./src/memory/allocate.ts";
export type { Address, Allocation, Kernel, Limits, Wakeup } from "./src/kernel.ts";
export type { Blocking, DirectAlignment, FileHost, FilePosition } from "./src/file_host.ts";
export { open, type OpenOptions } from "./src/file/open.ts";
export {
  AioFile,
  type ReadAtOptions,
  type ReadFileOptions,
  type ReadManyOptions,
  type ScanOptions,
  type WriteAtOptions,
  type WriteFileOptions,
  type WriteManyOptions,
} from "./src/file/aio_file.ts";
export type { AdoptedHandle } from "./src/file/adopted_handle.ts";
export type { ReadableWebStreamOptions } from "./src/file/streams.ts";
export type { Chunk, Chunks } from "./src/file/chunks.ts";
export type { DurableOptions, ReadOptions, WriteOptions } from "./src/file/arguments.ts";
export type { RangeOrder, RangeRequest, RangeRequests, RangeResult } from "./src/file/read_many.ts";
export type { WriteRequest, WriteRequests } from "./src/file/write_many.ts";
export { type Probe, probe } from "./src/probe.ts";
