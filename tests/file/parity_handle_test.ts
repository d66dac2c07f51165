import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type EventEmitter, once } from "node:events";
import {
  createReadStream,
  createWriteStream,
  readFileSync,
  type ReadStream,
  statSync,
  writeFileSync,
  type WriteStream,
} from "node:fs";
import { type FileHandle, open as openHandle, readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { finished } from "node:stream/promises";
import { test } from "node:test";
import { AioFile, open } from "../../mod.ts";
import { twins } from "../support/file_twins.ts";
import { TempFile } from "../support/temp.ts";

const LINES = "one\ntwo\nthree";

test("an AioFile is an instance of FileHandle, and assignable to its type", async () => {
  using temp = new TempFile(Buffer.from(LINES));
  await using handle = await openHandle(temp.path);
  await using file: FileHandle = await open(temp.path);
  assert.ok(file instanceof AioFile);
  assert.ok(file instanceof handle.constructor);
  assert.equal(handle instanceof AioFile, false);
  for (const name of namesOf(handle)) assert.ok(name in file, `no ${String(name)}`);
});

/** The members that the class of a handle has, also those that are new in this version. */
function namesOf(handle: FileHandle): PropertyKey[] {
  return Reflect.ownKeys(Object.getPrototypeOf(handle)).filter((name) => typeof name === "string");
}

test("functions of node:fs/promises take an AioFile for a FileHandle", async () => {
  using temp = new TempFile(Buffer.from(LINES));
  await using file = await open(temp.path, "r+");
  assert.equal(await readFile(file, "utf8"), LINES);
  await writeFile(file, "\nfour");
  assert.equal(readFileSync(temp.path, "utf8"), `${LINES}\nfour`);
});

twins("chmod, chown and utimes", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, LINES);
  const file = await open(path, "r+");
  await note("chmod", async () => [await file.chmod(0o600), statSync(path).mode & 0o777]);
  await note("chown", () => file.chown(process.getuid!(), process.getgid!()));
  await note("utimes", async () => {
    await file.utimes(1000, 2000);
    const { atimeMs, mtimeMs } = statSync(path);
    return [atimeMs, mtimeMs];
  });
  await file.close();
  await note("chmod of a closed file", () => file.chmod(0o600));
  await note("utimes of a closed file", () => file.utimes(1, 2));
});

twins("readLines", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, LINES);
  await note("all", async () => {
    const file = await open(path);
    const lines: string[] = [];
    for await (const line of file.readLines()) lines.push(line);
    return [lines, file.fd];
  });
  await note("from a position", async () => {
    const file = await open(path);
    const lines: string[] = [];
    for await (const line of file.readLines({ start: 4 })) lines.push(line);
    return lines;
  });
});

twins("appendFile", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, LINES);
  for (const flags of ["a", "r+"]) {
    const file = await open(path, flags);
    await note(`${flags}: a string`, () => file.appendFile("é!"));
    await note(`${flags}: an encoding`, () => file.appendFile("é!", "latin1"));
    await note(`${flags}: bytes`, () => file.appendFile(new Uint8Array([65, 66])));
    await note(`${flags}: content`, () => readFileSync(path));
  }
});

twins("createWriteStream", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, LINES);
  await note("from the current position", async () => {
    const file = await open(path, "r+");
    const stream = file.createWriteStream();
    stream.write("1");
    stream.end("2");
    await finished(stream);
    return [readFileSync(path), stream.bytesWritten];
  });
  await note("from a position", async () => {
    const file = await open(path, "r+");
    const stream = file.createWriteStream({ start: 8 });
    stream.end("THREE");
    await finished(stream);
    return readFileSync(path);
  });
  await note("chunks that wait", async () => {
    const file = await open(path, "w");
    const stream = file.createWriteStream({ flush: true });
    const wanted: boolean[] = [];
    for (let i = 0; i < 30; i++) wanted.push(stream.write(new Uint8Array(5000).fill(i)));
    stream.end(new Uint8Array(0));
    await finished(stream);
    return [readFileSync(path), wanted, stream.bytesWritten, stream.writableHighWaterMark];
  });
  for (
    const options of [{ highWaterMark: 10 }, { encoding: "hex" }] as const
  ) {
    await note(`with ${JSON.stringify(options)}`, async () => {
      const file = await open(path, "w");
      const stream = file.createWriteStream(options);
      const events = eventsIn(stream);
      stream.write("ab12");
      stream.end("cd");
      await finished(stream);
      return [readFileSync(path), events, stream.writableHighWaterMark];
    });
  }
  await note("the file is closed while the stream waits", async () => {
    const file = await open(path, "w");
    const stream = file.createWriteStream();
    const events = eventsIn(stream);
    await new Promise((resolve) => stream.write("abc", resolve));
    await Promise.all([once(stream, "close"), file.close()]);
    return [readFileSync(path), events, stream.destroyed];
  });
  await note("a file that is not open for writing", async () => {
    const file = await open(path, "r");
    const stream = file.createWriteStream();
    stream.end("abc");
    await finished(stream);
  });
});

function eventsIn(stream: WriteStream): string[] {
  const events: string[] = [];
  for (const event of ["error", "finish", "close"]) stream.on(event, () => events.push(event));
  return events;
}

twins("streams of node:fs take the file in place of a descriptor", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, LINES);
  await note("read", async () => {
    const fd = await open(path);
    return await textOf(createReadStream("", { fd, start: 4, end: 6 }));
  });
  await note("write", async () => {
    const fd = await open(path, "r+");
    const stream = createWriteStream("", { fd, start: 4 });
    stream.end("TWO");
    await finished(stream);
    return readFileSync(path);
  });
});

async function textOf(stream: ReadStream): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += chunk;
  return text;
}

/** The types of a FileHandle do not know its events everywhere. */
function eventsOf(file: FileHandle): EventEmitter {
  return file as unknown as EventEmitter;
}

twins("the event of closing", async (open, folder, note) => {
  const path = folder.join("file");
  writeFileSync(path, LINES);
  await note("once for each listener", async () => {
    const file = await open(path);
    let count = 0;
    eventsOf(file).on("close", () => count++);
    eventsOf(file).once("close", () => count += 10);
    await Promise.all([file.close(), file.close()]);
    await file[Symbol.asyncDispose]();
    return count;
  });
  await note("before close returns", async () => {
    const file = await open(path);
    let closed = false;
    eventsOf(file).on("close", () => closed = true);
    const closing = file.close();
    const atOnce = closed;
    await closing;
    return [atOnce, closed];
  });
  await note("ends a stream that reads", async () => {
    const file = await open(path);
    const stream = file.createReadStream({ highWaterMark: 1 });
    stream.once("data", () => void file.close());
    await finished(stream).catch(() => {});
    return [stream.destroyed, file.fd];
  });
});
