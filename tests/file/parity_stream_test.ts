import { Buffer } from "node:buffer";
import { type EventEmitter, once } from "node:events";
import { ReadStream, writeFileSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { type Open, twins } from "../support/file_twins.ts";
import type { TempFolder } from "../support/temp.ts";

const LETTERS = Array.from({ length: 9000 }, (_, i) => i.toString(36).padStart(4, "0")).join(" ");

/** Hangs where the file is never closed. */
async function closed(file: FileHandle): Promise<void> {
  while (file.fd !== -1) await setTimeout(1);
}

async function opened(open: Open, folder: TempFolder): Promise<FileHandle> {
  const path = folder.join("file");
  writeFileSync(path, LETTERS);
  return await open(path);
}

async function chunks(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const chunk of stream) all.push(chunk);
  return all;
}

twins("createReadStream reads a range", async (open, folder, note) => {
  const ranges: Record<string, Parameters<FileHandle["createReadStream"]>[0]> = {
    "no options": undefined,
    "no members": {},
    start: { start: 100 },
    "end is inside": { end: 9 },
    "start and end": { start: 10, end: 19 },
    "one byte": { start: 10, end: 10 },
    "start behind the end of the file": { start: 100_000 },
    "end behind the end of the file": { start: LETTERS.length - 5, end: 100_000 },
    "encoding": { encoding: "utf8", end: 99 },
    "hex": { encoding: "hex", start: 5, end: 10 },
    "end Infinity": { start: LETTERS.length - 5, end: Infinity },
  };
  for (const [name, options] of Object.entries(ranges)) {
    await note(name, async () => {
      const file = await opened(open, folder);
      return (await chunks(file.createReadStream(options))).join("");
    });
  }
});

twins("createReadStream begins at the current position", async (open, folder, note) => {
  await note("without start", async () => {
    const file = await opened(open, folder);
    await file.read(Buffer.alloc(10));
    return await text(file.createReadStream());
  });
  await note("with an end", async () => {
    const file = await opened(open, folder);
    await file.read(Buffer.alloc(10));
    return await text(file.createReadStream({ end: 14 }));
  });
  await note("start 0", async () => {
    const file = await opened(open, folder);
    await file.read(Buffer.alloc(10));
    return await text(file.createReadStream({ start: 0, end: 14 }));
  });
  await note("two one after the other", async () => {
    const file = await opened(open, folder);
    const first = await text(file.createReadStream({ end: 9, autoClose: false }));
    return [first, (await text(file.createReadStream())).length];
  });
});

twins("createReadStream cuts its chunks", async (open, folder, note) => {
  for (const highWaterMark of [1000, 4096, 65536]) {
    await note(`highWaterMark ${highWaterMark}`, async () => {
      const file = await opened(open, folder);
      const all = await chunks(file.createReadStream({ highWaterMark, start: 0 }));
      return all.map((chunk) => (chunk as Buffer).length);
    });
  }
  await note("chunks are Buffers", async () => {
    const file = await opened(open, folder);
    return (await chunks(file.createReadStream())).every(Buffer.isBuffer);
  });
  await note("chunks are strings", async () => {
    const file = await opened(open, folder);
    const all = await chunks(file.createReadStream({ encoding: "latin1" }));
    return all.every((chunk) => typeof chunk === "string");
  });
});

twins("createReadStream closes the file, or not", async (open, folder, note) => {
  for (const autoClose of [true, false, undefined]) {
    const options = autoClose === undefined ? {} : { autoClose };
    await note(`autoClose ${autoClose}`, async () => {
      const file = await opened(open, folder);
      await text(file.createReadStream(options));
      // It is closed after the end of the stream; that it stays open only a while can show
      if (autoClose === false) await setTimeout(20);
      else await closed(file);
      return file.fd === -1;
    });
    // A stream of Node closes the file if it is left early, whatever autoClose says
    if (autoClose === false) continue;
    await note(`autoClose ${autoClose}, left early`, async () => {
      const file = await opened(open, folder);
      for await (const _ of file.createReadStream(options)) break;
      await closed(file);
      return file.fd === -1;
    });
  }
});

twins("createReadStream refuses wrong options", async (open, folder, note) => {
  const make = async (options: object) => {
    const file = await opened(open, folder);
    file.createReadStream(options).on("error", () => {});
    return "made";
  };
  await note("start behind end", () => make({ start: 5, end: 2 }));
  await note("start -1", () => make({ start: -1 }));
  await note("end -1", () => make({ end: -1 }));
  await note("start string", () => make({ start: "1" }));
  await note("end string", () => make({ end: "1" }));
  await note("start NaN", () => make({ start: NaN }));
  await note("functions of the caller's", () => make({ fs: { read() {}, close() {} } }));
});

twins("createReadStream has the members of a ReadStream", async (open, folder, note) => {
  await note("before and after", async () => {
    const file = await opened(open, folder);
    const stream = file.createReadStream({ start: 5 });
    const before = [stream.bytesRead, stream.path, stream.pending, stream instanceof ReadStream];
    const { length } = await text(stream);
    return [before, length, stream.bytesRead, stream.readableHighWaterMark];
  });
  await note("highWaterMark null and undefined", async () => {
    const file = await opened(open, folder);
    const marks = [null, undefined].map((highWaterMark) => {
      const options = { highWaterMark, autoClose: false } as object;
      return file.createReadStream(options).readableHighWaterMark;
    });
    return marks;
  });
  for (const emitClose of [true, false]) {
    await note(`emitClose ${emitClose}`, async () => {
      const file = await opened(open, folder);
      const stream = file.createReadStream({ emitClose });
      let isClosed = false;
      stream.on("close", () => isClosed = true);
      await text(stream);
      await closed(file);
      await setTimeout(20);
      return isClosed;
    });
  }
  await note("destroy with autoClose false", async () => {
    const file = await opened(open, folder);
    const stream = file.createReadStream({ autoClose: false });
    const over = once(stream, "close");
    stream.destroy();
    await over;
    return file.fd;
  });
  await note("close", async () => {
    const file = await opened(open, folder);
    const stream = file.createReadStream();
    const called = new Promise((resolve) => stream.close((error) => resolve(error ?? "closed")));
    return [await called, file.fd];
  });
  await note("signal", async () => {
    const file = await opened(open, folder);
    const signal = AbortSignal.abort();
    const stream = file.createReadStream({ signal });
    const [error] = await once(stream, "error").catch((error) => [error]);
    await closed(file);
    return error.name;
  });
});

twins("close ends the streams of a file", async (open, folder, note) => {
  await note("an idle Node stream", async () => {
    const file = await opened(open, folder);
    const stream = file.createReadStream();
    const events: string[] = [];
    (file as unknown as EventEmitter).on("close", () => events.push("close of the file"));
    for (const event of ["error", "end", "close"]) stream.on(event, () => events.push(event));
    const over = once(stream, "close");
    await file.close();
    await over;
    return [events, stream.destroyed, stream.errored, file.fd];
  });
  await note("a paused Node stream", async () => {
    const file = await opened(open, folder);
    const stream = file.createReadStream({ highWaterMark: 100 });
    const events: string[] = [];
    for (const event of ["error", "end", "close"]) stream.on(event, () => events.push(event));
    await once(stream, "data");
    stream.pause();
    const over = once(stream, "close");
    await file.close();
    await over;
    return [events, stream.destroyed];
  });
  await note("a web stream", async () => {
    const file = await opened(open, folder);
    const reader = file.readableWebStream().getReader();
    await file.close();
    const { done, value } = await reader.read();
    await reader.closed;
    return [done, value, file.fd];
  });
  await note("a web stream that was read", async () => {
    const file = await opened(open, folder);
    const reader = file.readableWebStream().getReader();
    await reader.read();
    await file.close();
    return (await reader.read()).done;
  });
});

twins("a web stream of a closed file", async (open, folder, note) => {
  await note("is refused", async () => {
    const file = await opened(open, folder);
    await file.close();
    file.readableWebStream();
  });
  await note("wrong autoClose", async () => {
    const file = await opened(open, folder);
    file.readableWebStream({ autoClose: 1 } as object);
  });
});

twins("createReadStream of a closed file fails", async (open, folder, note) => {
  await note("read", async () => {
    const file = await opened(open, folder);
    await file.close();
    try {
      return await text(file.createReadStream());
    } catch (error) {
      return error instanceof Error;
    }
  });
});

twins("readableWebStream gives the bytes", async (open, folder, note) => {
  await note("whole", async () => {
    const file = await opened(open, folder);
    return Buffer.concat(await chunks(file.readableWebStream()) as Uint8Array[]);
  });
  await note("from the current position", async () => {
    const file = await opened(open, folder);
    await file.read(Buffer.alloc(20));
    return Buffer.concat(await chunks(file.readableWebStream()) as Uint8Array[]);
  });
  await note("chunks are Uint8Arrays", async () => {
    const file = await opened(open, folder);
    return (await chunks(file.readableWebStream())).every((chunk) => chunk instanceof Uint8Array);
  });
  await note("byob", async () => {
    const file = await opened(open, folder);
    const reader = file.readableWebStream().getReader({ mode: "byob" });
    const first = await reader.read(new Uint8Array(10));
    const second = await reader.read(new Uint8Array(10));
    const parts = [first.value!, second.value!] as Uint8Array[];
    return [first.done, second.done, Buffer.concat(parts)];
  });
  await note("the file stays open", async () => {
    const file = await opened(open, folder);
    await chunks(file.readableWebStream());
    return file.fd > 2;
  });
  await note("only one at a time", async () => {
    const file = await opened(open, folder);
    file.readableWebStream();
    file.readableWebStream();
  });
  await note("autoClose", async () => {
    const file = await opened(open, folder);
    await chunks(file.readableWebStream({ autoClose: true }));
    await closed(file);
    return file.fd;
  });
});
