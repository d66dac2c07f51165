/**
 * Follows a file as it grows, or a pipe, as `tail -f` does: a file by its size, with a pause between
 * looks, and a pipe by a poll in the kernel.
 *
 *     bun examples/tail.ts                   a log in a temporary folder, written to meanwhile
 *     bun examples/tail.ts app.log           the last lines and all that come, until Ctrl-C
 *     bun examples/tail.ts /dev/stdin        a pipe, until it is closed; a FIFO by its name
 *
 * `deno run -A` and `node` do as well.
 *
 * @module
 */
import { appendFileSync, constants, mkdtempSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { AioContext, type AioFile, open } from "../mod.ts";
import { POLLIN } from "../src/syscalls.ts";

const CHUNK_SIZE = 1 << 16;
/** How many lines of a file are shown that were there before. */
const LINES = 10;

/** How something is followed. */
export interface TailOptions {
  /** Ends it. The last line comes even if it is not complete. */
  signal: AbortSignal;
  /** Milliseconds between two looks. */
  pause?: number;
  /** Told of what is not a line. */
  remark?: (text: string) => void;
}

/** A piece of what was written. `isNew`: it has nothing to do with the piece before. */
interface Piece {
  bytes: Uint8Array;
  isNew?: boolean;
}

/** The lines of a file or a pipe, without their ends, as they are completed. */
export async function* tail(path: string, options: TailOptions): AsyncGenerator<string> {
  // Not with `direct`: what was just written is in the page cache. O_NONBLOCK is for a FIFO that
  // nobody writes to yet, and means nothing for a file.
  await using file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  const isPipe = (await file.stat()).isFIFO();
  const pieces = isPipe ? followPipe(file.fd, options) : followFile(file, options);
  // With `stream`, a character may be in two pieces.
  let decoder = new TextDecoder();
  let rest = "";
  for await (const { bytes, isNew = false } of pieces) {
    if (isNew) {
      if (rest !== "") yield rest;
      [decoder, rest] = [new TextDecoder(), ""];
    }
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}

async function* followFile(file: AioFile, options: TailOptions): AsyncGenerator<Piece> {
  const { signal, pause = 100, remark } = options;
  let position = await lastLines(file);
  while (!signal.aborted) {
    const size = await file.size();
    if (size < position) {
      // One that has become as long again in the meantime looks like one that has not changed.
      remark?.("The file was truncated");
      position = 0;
      yield { bytes: new Uint8Array(0), isNew: true };
    }
    if (size === position) {
      await setTimeout(pause, undefined, { signal }).catch(() => {/* The loop ends by itself. */});
      continue;
    }
    const bytes = await file.readAt(position, Math.min(size - position, CHUNK_SIZE));
    position += bytes.length;
    yield { bytes };
  }
}

/** Where the last lines of a file begin. */
async function lastLines(file: AioFile): Promise<number> {
  const start = Math.max(0, await file.size() - CHUNK_SIZE);
  const bytes = await file.readAt(start, CHUNK_SIZE);
  // An end at the very end does not begin a line.
  let at = bytes.length - 1;
  for (let lines = 0; lines < LINES && at >= 0; lines++) {
    at = at === 0 ? -1 : bytes.lastIndexOf(10, at - 1);
  }
  return start + at + 1;
}

async function* followPipe(fd: number, options: TailOptions): AsyncGenerator<Piece> {
  const { signal, pause = 100, remark } = options;
  const buffer = new Uint8Array(CHUNK_SIZE);
  await using aio = new AioContext({ entries: 1 });
  // Closing a context cancels its polls, which ends the loop.
  const close = () => void aio.close();
  signal.addEventListener("abort", close);
  try {
    if (!signal.aborted) aio.poll(fd, POLLIN);
    for await (const { res, error } of aio) {
      if (error?.code === "EINVAL") break;
      if (signal.aborted) return;
      if (error) throw error;
      // Without POLLIN it is a hang-up: everything was read, and nobody will write any more.
      if ((res & POLLIN) === 0) return;
      const bytes = readSome(fd, buffer);
      if (bytes !== undefined) yield { bytes };
      if (!signal.aborted) aio.poll(fd, POLLIN);
    }
  } finally {
    signal.removeEventListener("abort", close);
  }
  // The portable kernel can only poll what it has made.
  if (!signal.aborted) remark?.(`This kernel has no poll of pipes: a look every ${pause} ms`);
  for (let begun = false; !signal.aborted;) {
    const bytes = readSome(fd, buffer);
    // Nothing to read is also what a FIFO says before its first writer has come.
    if (bytes?.length === 0 && begun) return;
    begun ||= bytes !== undefined;
    if (bytes !== undefined && bytes.length > 0) yield { bytes };
    else {await setTimeout(pause, undefined, { signal }).catch(
        () => {/* The loop ends by itself. */},
      );}
  }
}

/** What a pipe has: nothing at its end, `undefined` if there is nothing yet. */
function readSome(fd: number, buffer: Uint8Array): Uint8Array | undefined {
  try {
    return buffer.subarray(0, readSync(fd, buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return undefined;
    throw error;
  }
}

/** Writes to a log, a step after each line that was shown: half a line, its rest, a new log. */
function* writeLog(path: string): Generator<void> {
  appendFileSync(path, "the first line\nthe second ");
  yield;
  appendFileSync(path, "line\n");
  yield;
  writeFileSync(path, "a new log\n");
  yield;
}

if (import.meta.main) {
  const [given] = process.argv.slice(2);
  const folder = given === undefined ? mkdtempSync(join(tmpdir(), "kaio-example-")) : undefined;
  const path = given ?? join(folder!, "log");
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  const writer = folder === undefined ? undefined : writeLog(path);
  writer?.next();
  try {
    const remark = (text: string) => console.error(`(${text})`);
    for await (const line of tail(path, { signal: controller.signal, remark })) {
      console.log(line);
      if (writer?.next().done) controller.abort();
    }
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  }
}
