import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { closeSync, openSync, readSync, writeFileSync } from "node:fs";
import process from "node:process";
import { loadNative } from "../../ffi/native.ts";
import { AioContext, type AioFile, open } from "../../mod.ts";
import { EAGAIN } from "../../src/abi/errno.ts";
import { architectureOf, SYS_mmap } from "../../src/abi/syscall_numbers.ts";
import type { FileHost } from "../../src/file_host.ts";
import { decorate, decorateFiles } from "../support/decorated_kernel.ts";
import { testWithin } from "../support/file_grounds.ts";
import { linuxOnly } from "../support/real_kernel.ts";
import { TempFolder } from "../support/temp.ts";

const LINUX = linuxOnly("may run where there is no /proc/self/mem");
const PAGE = 4096;
const PROT_READ = 1;
const MAP_PRIVATE_FIXED = 0x12;
const EIO = { code: "EIO" };

/**
 * The memory of the process as a file: a disk that can be read up to a page, and not behind it.
 *
 * @param readNow What the page cache is made to answer
 */
async function onMemory(
  body: (file: AioFile, start: number) => Promise<void>,
  readNow?: FileHost["readNow"],
): Promise<void> {
  using folder = new TempFolder();
  const native = loadNative();
  const start = native.map(3 * PAGE);
  // Pages that a mapped file does not have cannot be read, and nothing else is mapped there meanwhile.
  const path = folder.join("file");
  writeFileSync(path, new Uint8Array(2 * PAGE).fill(7));
  const fd = openSync(path, "r");
  const mmap = native.syscall(SYS_mmap[architectureOf(process.arch)!], 6);
  mmap(start, 3 * PAGE, PROT_READ, MAP_PRIVATE_FIXED, fd, 0);
  closeSync(fd);
  const files = decorateFiles(readNow ? { readNow } : {});
  try {
    await using context = new AioContext({ kernel: decorate({ files }) });
    await using file = await open("/proc/self/mem", "r", { context });
    await body(file, start);
  } finally {
    native.unmap(start, 3 * PAGE);
  }
}

function sevens(bytes: Uint8Array, count: number): void {
  assert.ok(bytes.subarray(0, count).every((byte) => byte === 7));
}

testWithin("readAt and readMany reject where a part cannot be read", async () => {
  await onMemory(async (file, start) => {
    sevens(await file.readAt(start, 2 * PAGE), 2 * PAGE);
    await assert.rejects(file.readAt(start + PAGE, 2 * PAGE), EIO);
    await assert.rejects(file.readAt(start, 400 * PAGE), EIO);
    // Side by side, threads make them.
    const reads = [1, 2, 3].map(() => assert.rejects(file.readAt(start, 100 * PAGE), EIO));
    await Promise.all(reads);
    await assert.rejects(async () => {
      for await (const { bytes } of file.readMany([{ position: start, length: 3 * PAGE }])) {
        assert.fail(`${bytes.length} bytes`);
      }
    }, EIO);
  });
}, LINUX);

testWithin("read brings what can be read, and the next read the error", async () => {
  await onMemory(async (file, start) => {
    for (const length of [3 * PAGE, 10 * PAGE, 400 * PAGE]) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, start);
      assert.equal(bytesRead, 2 * PAGE);
      sevens(buffer, 2 * PAGE);
    }
    await assert.rejects(file.read(Buffer.alloc(PAGE), 0, PAGE, start + 2 * PAGE), EIO);
  });
}, LINUX);

testWithin("bytes that were cached are not lost where the disk fails behind them", async () => {
  let asked = 0;
  let at = 0;
  const readNow: FileHost["readNow"] = (fd, bytes, begin, length, position) => {
    if (++asked % 2 === 0) return -EAGAIN;
    return readSync(fd, bytes, begin, Math.min(length, PAGE), position < 0 ? at : position);
  };
  await onMemory(async (file, start) => {
    for (const position of [start + PAGE, null]) {
      at = start + PAGE;
      const { bytesRead, buffer } = await file.read(Buffer.alloc(50_000), 0, 50_000, position);
      assert.equal(bytesRead, PAGE);
      sevens(buffer, PAGE);
    }
    assert.equal(asked, 4);
  }, readNow);
}, LINUX);
