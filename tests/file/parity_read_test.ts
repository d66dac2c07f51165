import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { pattern } from "../support/bytes.ts";
import { twins } from "../support/file_twins.ts";

const TEXT = "The quick brown fox jumps over the lazy dog. ".repeat(40);

twins("read takes every form of arguments", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, TEXT);
  /** A file of its own each, of which three bytes have been read; and what comes next. */
  const read = async (
    step: string,
    action: (file: FileHandle, dashes: Buffer<ArrayBuffer>) => unknown,
  ) => {
    const file = await open(path);
    await file.read(Buffer.alloc(3), 0, 3, null);
    await note(step, () => action(file, Buffer.alloc(20, "-")));
    await note(`${step}: next`, () => file.read(Buffer.alloc(3), 0, 3, null));
    await file.close();
  };
  await read("buffer", (file, dashes) => file.read(dashes));
  await read("buffer, offset", (file, dashes) => file.read(dashes, 5));
  await read("buffer, offset, length", (file, dashes) => file.read(dashes, 5, 3));
  await read("buffer, offset, length, position", (file, dashes) => file.read(dashes, 5, 3, 10));
  await read("position null", (file, dashes) => file.read(dashes, 0, 4, null));
  await read("position -1", (file, dashes) => file.read(dashes, 0, 4, -1));
  await read("position -1n", (file, dashes) => file.read(dashes, 0, 4, -1n));
  await read("position bigint", (file, dashes) => file.read(dashes, 0, 4, 7n));
  await read("position 0", (file, dashes) => file.read(dashes, 0, 4, 0));
  await read("position undefined", (file, dashes) => file.read(dashes, 0, 4, undefined));
  await read("offset null", (file, dashes) => file.read(dashes, null, 4, 0));
  await read("length null", (file, dashes) => file.read(dashes, 2, null, 0));
  await read("length undefined", (file, dashes) => file.read(dashes, 2, undefined, 0));
  await read("length 0", (file, dashes) => file.read(dashes, 2, 0, 0));
  await read("empty part at the end", (file, dashes) => file.read(dashes, 20, 0, 0));

  await read(
    "buffer, options",
    (file, dashes) => file.read(dashes, { offset: 2, length: 5, position: 3 }),
  );
  await read("buffer, some options", (file, dashes) => file.read(dashes, { position: 3 }));
  await read("buffer, no options", (file, dashes) => file.read(dashes, {}));
  await read(
    "buffer, options null",
    (file, dashes) =>
      file.read(dashes, { offset: 1, length: null as unknown as number, position: null }),
  );
  await read(
    "options",
    (file, dashes) => file.read({ buffer: dashes, offset: 2, length: 5, position: 3 }),
  );
  await read("options, buffer alone", (file, dashes) => file.read({ buffer: dashes }));

  await read("DataView", (file) => file.read(new DataView(new ArrayBuffer(12), 2, 8), 1, 6, 0));
  await read("Float64Array", (file) => file.read(new Float64Array(3), 1, 20, 0));
  await read("Uint8Array", (file) => file.read(new Uint8Array(7), 0, 7, 1));
  await read("subarray", async (file, dashes) => {
    await file.read(dashes.subarray(3, 6), 0, 3, 0);
    return dashes;
  });
  await read(
    "the same buffer comes back",
    async (file, dashes) => (await file.read(dashes, 0, 3, 0)).buffer === dashes,
  );
}, {
  // Deno takes null and missing members for the end of the arguments, and knows Uint8Array alone
  deno: [
    "offset null",
    "offset null: next",
    "DataView",
    "Float64Array",
    "Float64Array: next",
  ],
});

twins("read without a buffer brings 16 KiB of its own", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, "x".repeat(20_000));
  const file = await open(path);
  const summary = async (
    result: Promise<{ bytesRead: number; buffer: NodeJS.ArrayBufferView }>,
  ) => {
    const { bytesRead, buffer } = await result;
    return [bytesRead, buffer.byteLength, Buffer.isBuffer(buffer)];
  };
  await note("no arguments", () => summary(file.read()));
  await note("the rest", () => summary(file.read()));
  await note("the end", () => summary(file.read()));
  await note("null", () => summary(file.read(null as unknown as { position: 0 })));
  await note("options without a buffer", () => summary(file.read({ position: 10, length: 50 })));
});

twins("read tells the end of the file", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, "0123456789");
  const file = await open(path);
  const read = (position: number | null, length = 8) =>
    file.read(Buffer.alloc(length, "-"), 0, length, position);
  await note("over the end", () => read(6));
  await note("at the end", () => read(10));
  await note("behind the end", () => read(11));
  await note("far behind the end", () => read(2 ** 40));
  await note("first", () => read(null));
  await note("second", () => read(null));
  await note("third", () => read(null));
  await note("what came since", async () => {
    writeFileSync(path, "0123456789abc");
    return await read(null);
  });
});

twins("read refuses wrong arguments", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, TEXT);
  const file = await open(path);
  // deno-lint-ignore no-explicit-any
  const read = (...args: any[]) => (file.read as any)(...args);
  const buffer = Buffer.alloc(10);
  await note("number for a buffer", () => read(5));
  await note("string for a buffer", () => read("text"));
  await note("ArrayBuffer for a buffer", () => read({ buffer: new ArrayBuffer(4) }));
  await note("offset string", () => read(buffer, "1", 1, 0));
  await note("offset -1", () => read(buffer, -1, 1, 0));
  await note("offset 1.5", () => read(buffer, 1.5, 1, 0));
  await note("offset beyond", () => read(buffer, 11, 1, 0));
  await note("length -1", () => read(buffer, 0, -1, 0));
  await note("length beyond", () => read(buffer, 5, 6, 0));
  await note("no room at all", () => read(Buffer.alloc(0), 0, 1, 0));
  await note("position string", () => read(buffer, 0, 1, "0"));
  await note("position object", () => read(buffer, 0, 1, {}));
  await note("position -2", () => read(buffer, 0, 1, -2));
  await note("position 1.5", () => read(buffer, 0, 1, 1.5));
  await note("position 2 ** 53", () => read(buffer, 0, 1, 2 ** 53));
  await note("position -2n", () => read(buffer, 0, 1, -2n));
  await note("position 2n ** 64n", () => read(buffer, 0, 1, 2n ** 64n));
}, {
  // Deno takes all that is no buffer for options; Bun reads into an ArrayBuffer
  deno: ["number for a buffer", "string for a buffer", "ArrayBuffer for a buffer"],
  bun: ["ArrayBuffer for a buffer"],
});

twins("readv fills one buffer after the other", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, TEXT);
  const file = await open(path);
  const buffers = () => [Buffer.alloc(5, "-"), new Uint8Array(0), new DataView(new ArrayBuffer(7))];
  await note("current position", () => file.readv(buffers()));
  await note("it has moved", () => file.readv(buffers()));
  await note("position", () => file.readv(buffers(), 3));
  await note("position null", () => file.readv(buffers(), null as unknown as number));
  await note("over the end", () => file.readv(buffers(), TEXT.length - 8));
  await note("behind the end", () => file.readv(buffers(), TEXT.length + 8));
  // deno-lint-ignore no-explicit-any
  const readv = (...args: any[]) => (file.readv as any)(...args);
  await note("no array", () => readv(Buffer.alloc(4)));
  await note("not all buffers", () => readv([Buffer.alloc(4), "text"]));
});

twins("readFile reads from the current position", async (open, folder, note) => {
  const path = folder.join("file");
  const content = "grün, weiß — 🦊 ".repeat(300);
  writeFileSync(path, content);
  const read = async (
    step: string,
    action: (file: Awaited<ReturnType<typeof open>>) => unknown,
  ) => {
    const file = await open(path);
    await note(step, () => action(file));
  };
  await read("Buffer", (file) => file.readFile());
  await read("null", (file) => file.readFile(null));
  await read("utf8", (file) => file.readFile("utf8"));
  await read("options", (file) => file.readFile({ encoding: "utf8" }));
  await read("latin1", (file) => file.readFile("latin1"));
  await read("base64", (file) => file.readFile({ encoding: "base64" }));
  await read("hex", (file) => file.readFile({ encoding: "hex" }));
  await read("encoding null", (file) => file.readFile({ encoding: null }));
  await read("after a read", async (file) => {
    await file.read(Buffer.alloc(7));
    return await file.readFile();
  });
  await read("after a read with a position", async (file) => {
    await file.read(Buffer.alloc(7), 0, 7, 100);
    return await file.readFile();
  });
  await read("twice", async (file) => [await file.readFile(), await file.readFile()]);
  await read("it is a Buffer", async (file) => Buffer.isBuffer(await file.readFile()));
  await read("wrong encoding", async (file) => {
    try {
      await file.readFile("nonsense" as "utf8");
    } catch (error) {
      return error instanceof TypeError;
    }
  });
});

twins("readFile of an empty file", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, "");
  await note("Buffer", async () => (await open(path)).readFile());
  await note("string", async () => (await open(path)).readFile("utf8"));
});

twins("reads without a position take turns", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, TEXT);
  const file = await open(path);
  await note("three at once", async () => {
    const reads = await Promise.all([
      file.read(Buffer.alloc(10)),
      file.read(Buffer.alloc(20)),
      file.read(Buffer.alloc(30)),
    ]);
    const text = reads.map(({ buffer }) => buffer.toString());
    // Which comes first is open in node:fs; no byte comes twice or is left out
    return text.join("").split("").sort().join("") ===
      TEXT.slice(0, 60).split("").sort().join("");
  });
  await note("the rest", () => file.readFile());
});

twins("readFile of a file that is decoded in parts", async (open, folder, note) => {
  const texts = { text: Buffer.from("ä€𝄞x\ufeff".repeat(30_000)), bytes: pattern(300_001) };
  for (const [name, content] of Object.entries(texts)) {
    // A character, or what is none, lies across the end of a part.
    for (const shift of [0, 1, 3]) {
      const path = folder.join(name);
      writeFileSync(path, content.subarray(shift));
      for (
        const encoding of [
          "utf8",
          "utf16le",
          "latin1",
          "ascii",
          "base64",
          "base64url",
          "hex",
        ] as const
      ) {
        const file = await open(path);
        await note(`${name} from ${shift} in ${encoding}`, async () => {
          const decoded = await file.readFile({ encoding });
          return [decoded.length, createHash("sha1").update(decoded, "utf16le").digest("hex")];
        });
        await note(`${name} from ${shift} in ${encoding}: the rest`, () => file.readFile(encoding));
        await file.close();
      }
    }
  }
});
