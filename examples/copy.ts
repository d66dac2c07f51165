/**
 * Copies a file, with its SHA-256, a line of progress, and an end at Ctrl-C.
 *
 *     bun examples/copy.ts                  the program that runs this, to a temporary folder
 *     bun examples/copy.ts SOURCE TARGET
 *
 * `deno run -A` and `node` do as well.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { open, type WriteRequest } from "../mod.ts";

const BLOCK_SIZE = 1 << 20;
/** Blocks of each file that are in flight: enough for a disk to be busy all the time. */
const DEPTH = 8;

/** What a copy can be given. */
export interface CopyOptions {
  /** Called for every block that has been read. */
  progress?: (bytesRead: number, size: number) => void;
  /** Ends the copy; it leaves no target behind. */
  signal?: AbortSignal;
}

/**
 * Copies a file. The target must not be there yet, and is on the disk when it resolves.
 *
 * @returns The SHA-256 of what was copied
 */
export async function copy(from: string, to: string, options: CopyOptions = {}): Promise<string> {
  const { progress, signal = new AbortController().signal } = options;
  // A large copy would drive everything else out of the page cache; with `direct` it leaves it as
  // it is. "try": not all file systems have it.
  await using source = await open(from, "r", { direct: "try" });
  const size = await source.size();
  const hash = createHash("sha256");
  async function* blocks(): AsyncGenerator<WriteRequest> {
    const inFlight = { blockSize: BLOCK_SIZE, depth: DEPTH, signal };
    // In order, because the checksum is; the reads themselves are in flight together.
    for await (const { position, bytes } of source.scan({ ...inFlight, order: "request" })) {
      hash.update(bytes);
      progress?.(position + bytes.length, size);
      // A copy, as the scan uses its memory again while this block is still being written.
      yield { position, bytes: bytes.slice() };
    }
  }
  const target = await open(to, "wx", { direct: "try" });
  try {
    await target.writeMany(blocks(), { depth: DEPTH, durable: true, signal });
  } catch (error) {
    rmSync(to);
    throw error;
  } finally {
    await target.close();
  }
  return hash.digest("hex");
}

if (import.meta.main) {
  const [source = process.execPath, given] = process.argv.slice(2);
  const folder = given === undefined ? mkdtempSync(join(tmpdir(), "kaio-example-")) : undefined;
  const target = given ?? join(folder!, "copy");
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  const progress = (bytes: number, size: number) => {
    process.stderr.write(`\r${Math.floor(bytes / size * 100)} %`);
  };
  try {
    const sum = await copy(source, target, { progress, signal: controller.signal });
    process.stderr.write("\n");
    console.log(`${sum}  ${target}`);
  } catch (error) {
    console.error(`\n${controller.signal.aborted ? "Ended by Ctrl-C" : (error as Error).message}`);
    process.exitCode = controller.signal.aborted ? 130 : 1;
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  }
}
