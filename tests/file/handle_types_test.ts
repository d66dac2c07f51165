import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import type { BigIntStats, Stats } from "node:fs";
import type { FileHandle, open as openHandle } from "node:fs/promises";
import type { ReadableStream as NodeStream } from "node:stream/web";
import { test } from "node:test";
import { AioContext, type AioFile, open, type OpenOptions } from "../../mod.ts";

// It is the type check that can fail: here the runtimes only see that both are there.
test("an AioFile is assignable to FileHandle, and open to that of node:fs/promises", () => {
  const opens: typeof openHandle = open;
  const handle: (file: AioFile) => FileHandle = (file) => file;
  assert.equal(opens, open);
  assert.equal(typeof handle, "function");
});

test("options that are known only at run time have a type", () => {
  const uses = async (
    file: AioFile,
    encoding: BufferEncoding | null | undefined,
    bigint: boolean,
    depth: number | undefined,
  ): Promise<void> => {
    const content: Buffer | string = await file.readFile({ encoding });
    const stats: Stats | BigIntStats = await file.stat({ bigint });
    for await (
      const { bytes } of file.scan({ depth, blockSize: depth, start: depth, end: depth })
    ) {
      await file.writeMany([{ position: 0, bytes }], { depth, durable: undefined });
    }
    file.readMany([{ position: 0, length: 1, data: undefined }], { depth, order: undefined });
    await open("path", "r", { direct: undefined, context: undefined });
    new AioContext({ entries: depth, maxWait: depth, reap: undefined, kernel: undefined });
    assert.ok(content.length + Number(stats.size) > 0);
  };
  assert.equal(typeof uses, "function");
});

test("a web stream of a file is assignable to Node's type, and the body of a Response", () => {
  const stream: (file: AioFile) => NodeStream<Uint8Array> = (file) => file.readableWebStream();
  const response: (file: AioFile) => Response = (file) => new Response(file.readableWebStream());
  assert.equal(typeof stream, "function");
  assert.equal(typeof response, "function");
});

test("a misspelt option is a TypeError that names the nearest one", async () => {
  for (const [name, nearest] of [["derict", "direct"], ["Mode", "mode"], ["ctx", "context"]]) {
    await assert.rejects(open("missing", "r", { [name!]: true } as OpenOptions), (error) => {
      const { code, message } = error as NodeJS.ErrnoException;
      return error instanceof TypeError && code === "ERR_INVALID_ARG_VALUE" &&
        message.includes(`\`${name}\``) && message.includes(`\`${nearest}\``);
    });
  }
});

test("options in the place of the flags are a TypeError that says so", async () => {
  await assert.rejects(open("missing", { direct: true } as never), {
    name: "TypeError",
    message: /`flags` must be .* before any options/,
  });
});
