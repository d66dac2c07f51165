import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { linuxOnly } from "../support/real_kernel.ts";
import { TempFolder } from "../support/temp.ts";

const PROGRAM = fileURLToPath(new URL("../support/limited_program.ts", import.meta.url));

const [flags, gibibytes] = process.versions["deno"] !== undefined
  // It starts with no less, as V8 reserves its heaps at once
  ? [["run", "-A", "--quiet", "--no-check"], 44]
  : process.versions["bun"] !== undefined
  // Enough for the JIT, without which it has no FFI
  ? [["run"], 8]
  // Room for the cage of the heap, and for one WebAssembly.Memory
  : [["--disable-warning=ExperimentalWarning"], 18];

/**
 * Runs the program in the present runtime.
 *
 * @param limit KiB of addresses, or `unlimited`
 * @param more Further arguments of the program
 * @returns How many pages were used where they lie, and how many were copied
 */
async function runLimited(
  limit: string,
  ...more: string[]
): Promise<{ inPlace: number; copied: number }> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const pages = await runOnce(limit, more);
    if (pages !== undefined) return pages;
  }
  assert.fail("Deno did not start once in 50 times");
}

/**
 * @returns `undefined` if Deno did not even start: V8 looks for addresses that are aligned for a heap,
 * and takes more than it needs to find them, or fewer, as the kernel places them at random
 */
async function runOnce(
  limit: string,
  more: string[],
): Promise<{ inPlace: number; copied: number } | undefined> {
  using folder = new TempFolder();
  const words = [limit, process.execPath, ...flags, PROGRAM, folder.path, ...more];
  const child = spawn("sh", ["-c", 'ulimit -v "$0" && exec "$@"', ...words], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  if (stdout === "" && stderr.includes("CagedHeap reservation")) return undefined;
  assert.equal(code, 0, stderr);
  const [pages, end] = stdout.trim().split("\n");
  assert.equal(end, "done", stderr);
  return JSON.parse(pages!);
}

test("files and contexts work where no memory can be had that stays where it is", async () => {
  assert.deepEqual(await runLimited("unlimited", "refuse"), { inPlace: 0, copied: 3000 });
});

const THREADS = linuxOnly("its threads need addresses, without which one runtime ends the process");
test("files and contexts work under a limit on addresses", THREADS, async () => {
  const { inPlace, copied } = await runLimited(`${gibibytes * 2 ** 20}`);
  assert.equal(inPlace + copied, 3000);
});
