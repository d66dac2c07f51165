import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readSync, writeSync } from "node:fs";
import { test } from "node:test";
import { AioContext, AioError, type AioFile, open } from "../../mod.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { GROUNDS, onGrounds, POSITION_GROUNDS, Scene } from "../support/file_grounds.ts";
import { hasDirectPosition } from "../support/real_kernel.ts";
import { TempFile } from "../support/temp.ts";

const CONTENT = pattern(3_000_000);
const BUFFERED = GROUNDS.filter(({ direct }) => !direct);

/** The position that everybody sees who holds the descriptor; `undefined` where none is told. */
function positionOf({ fd }: AioFile): number | undefined {
  const path = `/proc/self/fdinfo/${fd}`;
  if (!existsSync(path)) return undefined;
  return Number(/^pos:\s*(\d+)/m.exec(readFileSync(path, "utf8"))![1]);
}

function assertPosition(file: AioFile, expected: number, step: string): void {
  const position = positionOf(file);
  if (position !== undefined) assert.equal(position, expected, step);
}

onGrounds("operations without a position move the descriptor's own", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT);
  const { bytesRead, buffer } = await file.read(new Uint8Array(1000));
  sameBytes(buffer, CONTENT.subarray(0, 1000));
  assertPosition(file, bytesRead, "read");
  const parts = [new Uint8Array(10), new Uint8Array(20)];
  await file.readv(parts);
  assertPosition(file, 1030, "readv");
  await file.write(new Uint8Array(70));
  assertPosition(file, 1100, "write");
  await file.writev([new Uint8Array(50), new Uint8Array(50)]);
  assertPosition(file, 1200, "writev");
  await file.writeFile("x".repeat(100));
  assertPosition(file, 1300, "writeFile");
  await file.appendFile("y".repeat(100));
  assertPosition(file, 1400, "appendFile");
  const large = new Uint8Array(2_500_000);
  assert.equal((await file.read(large)).bytesRead, large.length);
  sameBytes(large, CONTENT.subarray(1400, 1400 + large.length));
  assertPosition(file, 1400 + large.length, "a long read");
  await file.write(CONTENT.subarray(0, 1_500_000));
  assertPosition(file, 1400 + 4_000_000, "a long write");
  assert.equal((await file.read(new Uint8Array(10))).bytesRead, 0);
  assertPosition(file, 1400 + 4_000_000, "a read at the end");
  const content = readFileSync(file.path);
  assert.equal(content.length, 1400 + 4_000_000);
  sameBytes(content.subarray(1400 + 2_500_000), CONTENT.subarray(0, 1_500_000));
});

onGrounds("operations with a position leave the current one", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding(CONTENT);
  await file.read(new Uint8Array(100));
  await file.read(new Uint8Array(100), 0, 100, 5000);
  await file.readAt(7, 9);
  await file.write("abc", 20_000);
  for await (const _ of file.scan({ blockSize: 1 << 20 }));
  for await (const _ of file.createReadStream({ start: 0, end: 9, autoClose: false }));
  assertPosition(file, 100, "all of them");
  sameBytes((await file.read(new Uint8Array(10))).buffer, CONTENT.subarray(100, 110));
});

onGrounds("readFile and streams read from the current position to the end", async (ground) => {
  await using scene = new Scene(ground);
  for (
    const rest of [
      (file: AioFile) => file.readFile(),
      async (file: AioFile) => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of file.createReadStream({ autoClose: false })) chunks.push(chunk);
        return Buffer.concat(chunks);
      },
      async (file: AioFile) => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of file.readableWebStream()) chunks.push(chunk);
        return Buffer.concat(chunks);
      },
    ]
  ) {
    const file = await scene.holding(CONTENT, "r");
    await file.read(new Uint8Array(1234));
    sameBytes(await rest(file), CONTENT.subarray(1234));
    assertPosition(file, CONTENT.length, "at the end");
  }
});

onGrounds("an append moves the position to the end", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("0123456789", "a+");
  assertPosition(file, 0, "opened");
  await file.write("abc");
  assertPosition(file, 13, "appended");
  assert.equal((await file.read(new Uint8Array(10))).bytesRead, 0);
}, POSITION_GROUNDS);

onGrounds("a durable write goes to the current position", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("0123456789");
  await file.write(Buffer.from("ab"), { durable: true });
  await file.writev([Buffer.from("cd")], null, { durable: true });
  assertPosition(file, 4, "written");
  assert.equal(readFileSync(file.path, "latin1"), "abcd456789");
});

onGrounds("synchronous calls on the descriptor share the position", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("0123456789");
  await file.write("ab");
  writeSync(file.fd, "cd");
  await file.write("ef");
  const bytes = Buffer.alloc(2);
  readSync(file.fd, bytes, 0, 2, null);
  assert.equal(bytes.toString(), "67");
  assert.equal((await file.read(Buffer.alloc(2))).buffer.toString(), "89");
  assert.equal(readFileSync(file.path, "latin1"), "abcdef6789");
}, BUFFERED);

onGrounds("a child process that inherits the descriptor writes behind the file", async (ground) => {
  await using scene = new Scene(ground);
  const file = await scene.holding("");
  await file.write("header\n");
  const { status } = spawnSync("sh", ["-c", "echo child"], {
    stdio: ["ignore", file.fd, "ignore"],
  });
  assert.equal(status, 0);
  await file.write("footer\n");
  assert.equal(readFileSync(file.path, "latin1"), "header\nchild\nfooter\n");
}, BUFFERED);

test("with O_DIRECT and without FFI there is no current position", {
  skip: hasDirectPosition ? "there is FFI" : false,
}, async () => {
  using temp = new TempFile(CONTENT);
  {
    await using file = await open(temp.path, "r+", { direct: "try" });
    assert.equal(file.direct, false);
    sameBytes((await file.read(new Uint8Array(10))).buffer, CONTENT.subarray(0, 10));
  }
  let file: AioFile;
  try {
    file = await open(temp.path, "r+", { direct: true });
  } catch (error) {
    // This file system has no O_DIRECT.
    assert.equal((error as AioError).code, "EINVAL");
    return;
  }
  const refused = (error: unknown) => {
    assert.ok(error instanceof AioError);
    assert.equal(error.code, "ENOTSUP");
    assert.match(error.message, /give a position/);
    return true;
  };
  await assert.rejects(file.read(new Uint8Array(10)), refused);
  await assert.rejects(file.readv([new Uint8Array(10)]), refused);
  await assert.rejects(file.readFile(), refused);
  await assert.rejects(file.write("x"), refused);
  await assert.rejects(file.writev([Buffer.from("x")]), refused);
  await assert.rejects(file.writeFile("x"), refused);
  await file.write("xyz", 3);
  sameBytes(await file.readAt(3, 3), Buffer.from("xyz"));
  await file.close();
});

test("in a simulation the current position is the simulation's", async () => {
  using temp = new TempFile(Buffer.from("0123456789"));
  const kernel = new PortableKernel({ seed: 1 });
  await using context = new AioContext({ kernel });
  await using file = await open(temp.path, "r+", { context });
  await file.write("ab");
  await file.write("cd");
  assert.equal((await file.read(Buffer.alloc(3))).buffer.toString(), "456");
  // What no request of the kernel wrote would not be lost when the power fails.
  const operations = kernel.log.map(({ operation, position }) => `${operation} at ${position}`);
  assert.deepEqual(operations, ["write at 0", "write at 2", "read at 4"]);
});
