import { Buffer } from "node:buffer";
import { readFileSync, writeFileSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { twins } from "../support/file_twins.ts";

twins("write takes every form of arguments", async (open, folder, note) => {
  const path = folder.join("file");
  /** A file of its own each, of which three bytes have been written; and what is written next. */
  const write = async (
    step: string,
    action: (file: FileHandle, bytes: Buffer<ArrayBuffer>) => unknown,
  ) => {
    writeFileSync(path, ".".repeat(40));
    const file = await open(path, "r+");
    await file.write(Buffer.from("abc"), 0, 3, null);
    await note(step, () => action(file, Buffer.from("ABCDEFGHIJ")));
    await note(`${step}: next`, () => file.write(Buffer.from("#"), 0, 1, null));
    await file.close();
    await note(`${step}: content`, () => readFileSync(path));
  };
  await write("buffer", (file, bytes) => file.write(bytes));
  await write("buffer, offset", (file, bytes) => file.write(bytes, 8));
  await write("offset, length", (file, bytes) => file.write(bytes, 3, 2));
  await write("offset, length, position", (file, bytes) => file.write(bytes, 0, 2, 30));
  await write("position null", (file, bytes) => file.write(bytes, 1, 1, null));
  await write("position undefined", (file, bytes) => file.write(bytes, 2, 1, undefined));
  await write("position -1", (file, bytes) => file.write(bytes, 2, 1, -1));
  await write("length null", (file, bytes) => file.write(bytes, 8, null as unknown as 0, 20));
  await write("length 0", (file, bytes) => file.write(bytes, 0, 0, 20));
  await write("empty", (file) => file.write(Buffer.alloc(0), 0, 0, 20));
  await write(
    "options",
    (file, bytes) => file.write(bytes, { offset: 1, length: 3, position: 20 }),
  );
  await write("some options", (file, bytes) => file.write(bytes, { position: 25 }));
  await write("no options", (file, bytes) => file.write(bytes, {}));
  await write("DataView", (file) => file.write(new DataView(new ArrayBuffer(8), 3, 2), 0, 2, 30));
  await write("Float64Array", (file) => file.write(new Float64Array([1.5, 2.5]), 4, 8, 30));
  await write("string", (file) => file.write("äöü"));
  await write("string, position", (file) => file.write("xyz", 2));
  await write("string, position null", (file) => file.write("n", null));
  await write("string, encoding", (file) => file.write("äöü", 5, "latin1"));
  await write("string, length", (file) => file.write("héllo", 6, 5 as unknown as "utf8"));
  await write("string, hex", (file) => file.write("414243", 6, "hex"));
  await write("empty string", (file) => file.write(""));
  await write("behind the end", (file) => file.write("far", 80));
}, {
  // Deno knows Uint8Array alone, and returns the bytes that it made of a string
  deno: [
    "DataView: content",
    "Float64Array: content",
    "string",
    "string, position",
    "string, position null",
    "string, encoding",
    "string, length",
    "string, hex",
    "empty string",
    "behind the end",
  ],
});

twins("write refuses wrong arguments", async (open, folder, note) => {
  const file = await open(folder.join("file"), "w");
  // deno-lint-ignore no-explicit-any
  const write = (...args: any[]) => (file.write as any)(...args);
  const buffer = Buffer.alloc(10);
  await note("number", () => write(5));
  await note("null", () => write(null));
  await note("undefined", () => write());
  await note("object", () => write({}));
  await note("ArrayBuffer", () => write(new ArrayBuffer(4)));
  await note("offset -1", () => write(buffer, -1, 1, 0));
  await note("offset string", () => write(buffer, "1", 1, 0));
  await note("offset beyond", () => write(buffer, 11, 0, 0));
  await note("length -1", () => write(buffer, 0, -1, 0));
  await note("length beyond", () => write(buffer, 5, 6, 0));
  await note("an odd number of hex digits", () => write("abc", 0, "hex"));
  await note("nothing was written", () => readFileSync(folder.join("file")));
});

twins("writev writes one buffer after the other", async (open, folder, note) => {
  const path = folder.join("file");
  const file = await open(path, "w+");
  const buffers = [Buffer.from("abc"), new Uint8Array(0), new Uint8Array([100, 101])];
  await note("current position", () => file.writev(buffers));
  await note("it has moved", () => file.writev(buffers));
  await note("position", () => file.writev(buffers, 20));
  await note("position null", () => file.writev(buffers, null as unknown as number));
  await note("none", () => file.writev([]));
  await note("content", () => readFileSync(path));
  await note("DataView", () => file.writev([new DataView(new ArrayBuffer(8), 2, 3)]));
  // deno-lint-ignore no-explicit-any
  const writev = (...args: any[]) => (file.writev as any)(...args);
  await note("no array", () => writev(Buffer.alloc(4)));
  await note("not all buffers", () => writev([Buffer.alloc(4), 7]));
}, {
  // Deno knows Uint8Array alone
  deno: ["DataView"],
});

twins("writeFile takes all that can be iterated", async (open, folder, note) => {
  const path = folder.join("file");
  // deno-lint-ignore no-explicit-any
  const write = async (step: string, ...args: any[]) => {
    const file = await open(path, "w");
    // deno-lint-ignore no-explicit-any
    await note(step, () => (file.writeFile as any)(...args));
    await file.close();
    await note(`${step}: content`, () => readFileSync(path));
  };
  await write("string", "grün");
  await write("string, encoding", "grün", "latin1");
  await write("string, options", "616263", { encoding: "hex" });
  await write("Buffer", Buffer.from("bytes"));
  await write("DataView", new DataView(new ArrayBuffer(8), 3, 2));
  await write("Uint16Array", new Uint16Array([0x4142, 0x4344]));
  await write("empty", "");
  await write("iterable", ["one ", Buffer.from("two "), "three"]);
  await write(
    "generator",
    function* () {
      yield "a";
      yield "b";
    }(),
  );
  await write(
    "async generator",
    async function* () {
      yield "a";
      await new Promise((resolve) => setTimeout(resolve, 2));
      yield Buffer.from("b");
    }(),
  );
  await write("stream", Readable.from([Buffer.from("x"), Buffer.from("yz")]));
  await write("large", Buffer.alloc(3_000_001, "large "));
  await write("number", 5);
  await write("null", null);
});

twins("writeFile writes from the current position on", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, "0123456789");
  const file = await open(path, "r+");
  await note("first", () => file.writeFile("ab"));
  await note("second", () => file.writeFile("cd"));
  await note("after both", () => readFileSync(path));
  await note("the rest", () => file.readFile("utf8"));
});

twins("stat tells what fstat tells", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, "0123456789", { mode: 0o640 });
  const file = await open(path, "r+");
  await note("numbers", async () => {
    const stats = await file.stat();
    return [stats.size, stats.mode, stats.nlink, stats.isFile(), stats.isDirectory()];
  });
  await note("bigints", async () => {
    const stats = await file.stat({ bigint: true });
    return [stats.size, stats.mode, typeof stats.mtimeNs];
  });
  await note("bigint false", async () => typeof (await file.stat({ bigint: false })).size);
  await note("after a write", async () => {
    await file.write("x", 100);
    return (await file.stat()).size;
  });
  const directory = await open(folder.path);
  await note("directory", async () => (await directory.stat()).isDirectory());
});

twins("truncate cuts and lengthens", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, "0123456789");
  const file = await open(path, "r+");
  const truncate = async (step: string, length?: number) => {
    await note(step, async () => [await file.truncate(length), readFileSync(path)]);
  };
  await truncate("shrink", 4);
  await truncate("grow", 9);
  await truncate("same", 9);
  await note("position stays", async () => {
    await file.write("abcdef");
    await file.truncate(3);
    await file.write("g");
    return readFileSync(path);
  });
  await truncate("negative", -5);
  await truncate("nothing", undefined);
  await note("fraction", () => file.truncate(1.5));
  await note("string", () => file.truncate("1" as unknown as number));
  const readable = await open(path);
  await note("not writable", () => readable.truncate(1));
}, {
  // Deno makes a TypeError of EINVAL
  deno: ["not writable"],
});

twins("sync and datasync resolve", async (open, folder, note) => {
  const path = folder.join("file");
  const file = await open(path, "w");
  await file.write("x");
  await note("sync", () => file.sync());
  await note("datasync", () => file.datasync());
  const readable = await open(path);
  await note("sync of a file to be read", () => readable.sync());
  const directory = await open(folder.path);
  await note("sync of a directory", () => directory.sync());
});
