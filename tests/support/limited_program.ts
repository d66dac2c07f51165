/**
 * A program that reads and writes while memory is scarce. Its first argument is a folder; with
 * `refuse` for the second there is no memory of WebAssembly at all. Prints how many pages from
 * `allocate` were used where they lie, and how many were not.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pattern, sameBytes } from "./bytes.ts";

const [folder, refuse] = process.argv.slice(2);
if (refuse === "refuse") {
  WebAssembly.Memory = class {
    constructor() {
      throw new RangeError("WebAssembly.Memory(): could not allocate memory");
    }
  } as unknown as typeof WebAssembly.Memory;
}
// Only now, so that nothing is allocated before.
const { AioContext, allocate, open } = await import("../../mod.ts");
const { reserved } = await import("../../src/memory/allocate.ts");

const PAGE = 4096;
const MIB = 2 ** 20;
const CONTENT = pattern(5 * MIB + 777);
const path = join(folder!, "file");

/** Whether memory could be taken away; it belongs to whoever called. */
function detach({ buffer }: Uint8Array<ArrayBuffer>): boolean {
  try {
    structuredClone(buffer, { transfer: [buffer] });
  } catch { /* It was refused. */ }
  return buffer.byteLength === 0;
}

const pages = Array.from({ length: 3000 }, () => allocate(PAGE));
for (const page of [...pages, allocate(MIB), allocate(3 * MIB)]) {
  assert.ok(page.every((byte) => byte === 0));
}
const inPlace = pages.filter(({ buffer }) => reserved.has(buffer)).length;
console.log(JSON.stringify({ inPlace, copied: pages.length - inPlace }));
// Ordinary memory is nobody else's: whoever detaches a page loses that page alone.
if (refuse === "refuse") assert.ok(detach(pages.pop()!));
for (const page of pages) assert.equal(page.length, PAGE);

// The portable kernel has no other memory that is aligned for O_DIRECT.
for (
  const direct of process.env["KAIO_KERNEL"] === "portable" ? [false] : [false, "try"] as const
) {
  writeFileSync(path, CONTENT);
  await using file = await open(path, "r+", { direct });
  for (const memory of [pages.at(-1)!, allocate(2 * MIB), new Uint8Array(70_000)]) {
    const { bytesRead } = await file.read(memory, 0, memory.length, PAGE);
    sameBytes(memory.subarray(0, bytesRead), CONTENT.subarray(PAGE, PAGE + memory.length));
    memory.reverse();
    await file.write(memory, 0, memory.length, PAGE);
    sameBytes(readFileSync(path).subarray(PAGE, PAGE + memory.length), memory);
    await file.write(CONTENT, PAGE, memory.length, PAGE);
  }
  sameBytes(await file.readAt(77, MIB), CONTENT.subarray(77, 77 + MIB));
  for (const blockSize of [PAGE, 20_011, 2 * MIB]) {
    let total = 0;
    for await (const { position, bytes } of file.scan({ blockSize, depth: 64 })) {
      sameBytes(bytes, CONTENT.subarray(position, position + bytes.length), `${position}`);
      total += bytes.length;
      // What was handed out may be lost; what is read next must not be.
      if (total % 3 === 0) detach(bytes as Uint8Array<ArrayBuffer>);
    }
    assert.equal(total, CONTENT.length);
  }
}

const file = await open(path, "r+");
await using aio = new AioContext<Uint8Array>({ entries: 64 });
const targets = [...pages.slice(-50), allocate(MIB), new Uint8Array(PAGE)];
for (const data of targets) aio.read(file.fd, data, { position: PAGE, data });
const parts = [allocate(PAGE), new Uint8Array(PAGE)];
aio.readv(file.fd, parts, { position: PAGE, data: new Uint8Array(2 * PAGE) });
for await (const { res, data, error } of aio) {
  if (error) throw error;
  assert.equal(res, data.length);
}
for (const [index, bytes] of [...targets, ...parts].entries()) {
  const position = bytes === parts[1] ? 2 * PAGE : PAGE;
  sameBytes(bytes, CONTENT.subarray(position, position + bytes.length), `read ${index}`);
}
targets[0]!.fill(1);
targets[1]!.fill(2);
aio.write(file.fd, targets[0]!, { position: 0, data: targets[0]! });
aio.writev(file.fd, [targets[1]!, targets[0]!], { position: PAGE, data: targets[1]! });
for await (const { res, data } of aio) assert.equal(res, data === targets[0] ? PAGE : 2 * PAGE);
const written = readFileSync(path);
for (const [block, value] of [1, 2, 1].entries()) {
  assert.ok(written.subarray(block * PAGE, (block + 1) * PAGE).every((byte) => byte === value));
}
await file.close();
console.log("done");
