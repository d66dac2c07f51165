import assert from "node:assert/strict";
import { once } from "node:events";
import { fstatSync, writeFileSync } from "node:fs";
import { type FileHandle, open as openHandle } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { type AioFile, open } from "../../mod.ts";
import { pattern } from "../support/bytes.ts";
import { TempFolder } from "../support/temp.ts";

/** Whether this runtime moves its own handles to other threads: Node does. */
const MOVES = !process.versions.bun && !process.versions.deno;

/** Sends a handle as a message that owns it. */
async function send(file: FileHandle): Promise<FileHandle> {
  const { port1, port2 } = new MessageChannel();
  try {
    const message = once(port1, "message");
    port2.postMessage(file, [file as never]);
    return (await message)[0];
  } finally {
    port1.close();
  }
}

/** Calls `use` with a file of 1000 bytes that is closed afterwards. */
async function withFile(
  direct: "try" | false,
  use: (file: AioFile, path: string) => Promise<void> | void,
): Promise<void> {
  using folder = new TempFolder();
  const path = folder.join("moved");
  writeFileSync(path, pattern(1000));
  const file = await open(path, "r+", { direct });
  try {
    await use(file, path);
  } finally {
    await file.close();
  }
}

function isCloneError(error: unknown): boolean {
  return error instanceof DOMException && error.name === "DataCloneError";
}

test("a file is moved to another thread as the runtime's FileHandle is", async () => {
  await withFile(false, async (file, path) => {
    await file.read(new Uint8Array(10));
    if (!MOVES) {
      const handle = await openHandle(path);
      await assert.rejects(send(handle), isCloneError);
      await handle.close();
      await assert.rejects(send(file), isCloneError);
      assert.deepEqual(await file.readAt(0, 10), pattern(10));
      return;
    }
    const { fd } = file;
    const moved = await send(file);
    assert.equal(moved.fd, fd);
    const { bytesRead, buffer } = await moved.read(Buffer.alloc(10));
    assert.deepEqual([bytesRead, ...buffer], [10, ...pattern(20).subarray(10)]);
    // This end is closed, and closes nothing of the other.
    assert.equal(file.fd, -1);
    await assert.rejects(file.readAt(0, 1), { code: "EBADF" });
    await file.close();
    assert.ok(fstatSync(moved.fd).isFile());
    await moved.close();
  });
});

test("members that are not public can be replaced on a file, as on a FileHandle", async () => {
  await withFile(false, (file) => {
    const replaced = file as unknown as Record<symbol, unknown>;
    const prototype = Object.getPrototypeOf(file);
    for (const key of Object.getOwnPropertySymbols(prototype)) {
      if (key === Symbol.asyncDispose) continue;
      const own = () => "mine";
      replaced[key] = own;
      assert.equal(replaced[key], own);
      delete replaced[key];
    }
  });
});

test("a file that is in use is not moved, and stays as it is", async () => {
  await withFile(false, async (file) => {
    const read = file.read(new Uint8Array(1000), 0, 1000, 0);
    await assert.rejects(send(file), isCloneError);
    assert.equal((await read).bytesRead, 1000);
    const reader = file.readableWebStream().getReader();
    await assert.rejects(send(file), isCloneError);
    assert.equal((await reader.read()).value!.length, 1000);
  });
});

test("a file opened with O_DIRECT is not moved", async () => {
  await withFile("try", async (file) => {
    if (file.direct) await assert.rejects(send(file), isCloneError);
    assert.deepEqual(await file.readAt(0, 10), pattern(10));
  });
});
