import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { open } from "../../mod.ts";
import { testWithin } from "../support/file_grounds.ts";
import { linuxOnly } from "../support/real_kernel.ts";
import { TempFolder } from "../support/temp.ts";

const LINUX = linuxOnly("is not the one that makes these files");

/** Files that the kernel generates while they are read, and say nothing true of their size. */
const GENERATED = [
  "/proc/kallsyms",
  "/proc/filesystems",
  "/proc/self/cmdline",
  "/sys/devices/system/cpu/online",
  "/sys/kernel/mm/transparent_hugepage/enabled",
];

for (const direct of [false, "try"] as const) {
  testWithin(`generated files are read whole, direct: ${direct}`, async () => {
    for (const path of GENERATED.filter((path) => existsSync(path))) {
      const expected = readFileSync(path);
      await using file = await open(path, "r", { direct });
      const parts: Buffer[] = [];
      for await (const { position, bytes } of file.scan({ blockSize: 1000 })) {
        assert.equal(position, parts.length * 1000);
        parts.push(Buffer.from(bytes));
      }
      assert.deepEqual(Buffer.concat(parts), expected, path);
      assert.deepEqual(await file.readFile(), expected, path);
      assert.deepEqual(Buffer.from(await file.readAt(0, 1 << 24)), expected, path);
      const from = [];
      for await (const { bytes } of file.scan({ start: 2, end: 4 })) from.push(Buffer.from(bytes));
      assert.deepEqual(Buffer.concat(from), expected.subarray(2, 4), path);
    }
  }, LINUX);

  testWithin(`what is written to /dev/null is durable at once, direct: ${direct}`, async () => {
    await using file = await open("/dev/null", "r+", { direct });
    const write = file.write(Buffer.alloc(10), { position: 0, durable: true });
    assert.equal((await write).bytesWritten, 10);
  }, LINUX);
}

for (const direct of [false, "try", true] as const) {
  testWithin(`a FIFO is opened once, direct: ${direct}`, async () => {
    using folder = new TempFolder();
    const path = `${folder.path}/fifo`;
    execFileSync("mkfifo", [path]);
    // A writer whose reader goes away again dies, and what it has written is lost.
    const writer = spawn("sh", ["-c", 'printf "what the writer says" > "$1"', "sh", path]);
    const code = new Promise((resolve) => writer.on("close", resolve));
    await using file = await open(path, "r", { direct });
    assert.equal(await file.readFile("utf8"), "what the writer says");
    assert.equal(await code, 0);
  }, LINUX);
}

testWithin("a directory has no size", async () => {
  using folder = new TempFolder();
  await using directory = await open(folder.path, "r");
  await assert.rejects(directory.size(), { code: "EISDIR", syscall: "fstat", path: folder.path });
});
