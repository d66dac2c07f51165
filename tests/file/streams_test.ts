import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { AioError, open } from "../../mod.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { testWithin } from "../support/file_grounds.ts";
import { runFileScript, RUNTIME } from "../support/file_script.ts";
import { linuxOnly } from "../support/real_kernel.ts";
import { TempFolder } from "../support/temp.ts";
import { HANG_MILLISECONDS, within } from "../support/within.ts";

const HELD = linuxOnly("a read of a pipe cannot be called back from the runtime's threads");
/** Every write of its node:fs, with a callback or a promise, is done before the call returns. */
const DENO_WRITES = RUNTIME === "deno" ? linuxOnly("Deno writes on the thread that asks") : {};

const PERMITTED = `
permitted() {
  for i in $(seq ${HANG_MILLISECONDS / 10}); do
    if [ -e "$PERMIT" ]; then return 0; fi
    sleep 0.01
  done
  return 1
}
`;

/** A named pipe in a folder of its own, with programs at its other end. */
class Pipe implements Disposable {
  readonly path: string;
  readonly #folder = new TempFolder();
  readonly #children: ChildProcess[] = [];

  constructor() {
    this.path = this.#folder.join("pipe");
    execFileSync("mkfifo", [this.path]);
  }

  /**
   * Runs a line of shell with the pipe as `$PIPE` and a file beside it as `$FILE`. Where the line
   * says `permitted`, it waits for {@link Pipe.permit}; and fails if that does not come, so that a
   * thread that is held gets free.
   *
   * @returns When it has ended
   */
  shell(line: string): Promise<void> {
    const env = { ...process.env, PIPE: this.path, FILE: this.file, PERMIT: this.permitFile };
    const child = spawn("sh", ["-c", PERMITTED + line], { env, stdio: "ignore" });
    this.#children.push(child);
    return new Promise((resolve) => child.on("exit", () => resolve()));
  }

  permit(): void {
    writeFileSync(this.permitFile, "");
  }

  get permitFile(): string {
    return this.#folder.join("permit");
  }

  get file(): string {
    return this.#folder.join("file");
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill("SIGKILL");
    this.#folder[Symbol.dispose]();
  }
}

/** Ends when timers have fired often, beside what the thread waits for. */
async function ticks(): Promise<void> {
  for (let tick = 0; tick < 20; tick++) await setTimeout(1);
}

testWithin("a read of an empty pipe waits without holding the thread", async () => {
  using pipe = new Pipe();
  pipe.shell('exec 3> "$PIPE"; permitted && printf hello >&3');
  await using file = await open(pipe.path);
  const reading = file.read(Buffer.alloc(100));
  await ticks();
  pipe.permit();
  const { bytesRead, buffer } = await reading;
  assert.equal(buffer.toString("latin1", 0, bytesRead), "hello");
});

testWithin("a pipe ends when its writer closes it", async () => {
  using pipe = new Pipe();
  pipe.shell('(printf one; sleep 0.1; printf two; sleep 0.1) > "$PIPE"');
  await using file = await open(pipe.path);
  let text = "";
  while (true) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(2));
    if (bytesRead === 0) break;
    text += buffer.toString("latin1", 0, bytesRead);
  }
  assert.equal(text, "onetwo");
  assert.equal((await file.read(Buffer.alloc(2))).bytesRead, 0);
  assert.equal((await file.readAt(0, 10)).length, 0);
});

testWithin("readFile of a pipe brings all until the writer closes it", async () => {
  using pipe = new Pipe();
  pipe.shell('(head -c 300000 /dev/zero; sleep 0.1; printf end) > "$PIPE"');
  await using file = await open(pipe.path);
  const content = await file.readFile();
  assert.equal(content.length, 300_003);
  assert.equal(content.toString("latin1", 300_000), "end");
});

testWithin("createReadStream of a pipe", async () => {
  using pipe = new Pipe();
  pipe.shell('(printf one; sleep 0.1; printf two) > "$PIPE"');
  await using file = await open(pipe.path);
  let text = "";
  for await (const chunk of file.createReadStream({ encoding: "latin1" })) text += chunk;
  assert.equal(text, "onetwo");
});

testWithin("reads of a pipe share its bytes, each one once", async () => {
  using pipe = new Pipe();
  pipe.shell('exec 3> "$PIPE"; for i in a b c d e f; do sleep 0.02; printf $i >&3; done');
  await using file = await open(pipe.path);
  const reads = await Promise.all(Array.from({ length: 6 }, () => file.readAt(0, 1)));
  const letters = reads.map((bytes) => String.fromCharCode(...bytes)).sort().join("");
  assert.equal(letters, "abcdef");
});

testWithin("a write to a full pipe waits without holding the thread", async () => {
  using pipe = new Pipe();
  const copied = pipe.shell('exec 3< "$PIPE"; permitted && cat <&3 > "$FILE"');
  const content = pattern(1_000_003);
  {
    await using file = await open(pipe.path, "w");
    const writing = file.write(content);
    await ticks();
    pipe.permit();
    assert.equal((await writing).bytesWritten, content.length);
  }
  await copied;
  sameBytes(readFileSync(pipe.file), content);
}, DENO_WRITES);

testWithin("a write to a pipe that nobody reads fails with EPIPE", async () => {
  using pipe = new Pipe();
  const ended = pipe.shell('exec 3< "$PIPE"; permitted');
  await using file = await open(pipe.path, "w");
  pipe.permit();
  await ended;
  await assert.rejects(
    file.write("x"),
    (error) => error instanceof AioError && error.code === "EPIPE",
  );
});

testWithin("an abort ends the wait for a pipe", async () => {
  using pipe = new Pipe();
  pipe.shell('exec 3> "$PIPE"; permitted && printf late >&3');
  await using file = await open(pipe.path);
  const controller = new AbortController();
  const read = file.readAt(0, 10, { signal: controller.signal });
  read.catch(() => {});
  await setTimeout(20);
  controller.abort("stop");
  await assert.rejects(read, (error) => error === "stop");
  pipe.permit();
  // What comes afterwards belongs to the next read
  const { bytesRead, buffer } = await file.read(Buffer.alloc(10));
  assert.equal(buffer.toString("latin1", 0, bytesRead), "late");
}, HELD);

testWithin("a pipe opened for both reads what it wrote", async () => {
  using pipe = new Pipe();
  await using file = await within(open(pipe.path, "r+"));
  assert.equal((await file.write("to myself")).bytesWritten, 9);
  const { bytesRead, buffer } = await within(file.read(Buffer.alloc(20)));
  assert.equal(buffer.toString("latin1", 0, bytesRead), "to myself");
});

testWithin("a pipe opened for both waits while it is empty", async () => {
  using pipe = new Pipe();
  await using file = await within(open(pipe.path, "r+"));
  const read = file.read(Buffer.alloc(20));
  await setTimeout(20);
  await file.write("to myself");
  const { bytesRead, buffer } = await within(read);
  assert.equal(buffer.toString("latin1", 0, bytesRead), "to myself");
});

test("readMany of a pipe does not hold the thread", async () => {
  using pipe = new Pipe();
  pipe.shell('exec 3> "$PIPE"; permitted && printf hello >&3');
  // In a process of its own: a thread that is held cannot fail a test
  const { stdout, code, signal } = await runFileScript(
    `
    const { writeFileSync } = await import("node:fs");
    const file = await open(argument);
    let ticks = 0;
    const permit = () => writeFileSync(${JSON.stringify(pipe.permitFile)}, "");
    setInterval(() => ++ticks === 20 && permit(), 1).unref();
    try {
      for await (const { bytes } of file.readMany([{ position: 0, length: 5 }])) {
        console.log("read", bytes.length);
        break;
      }
    } catch (error) {
      // To refuse it clearly is as good
      console.log(error instanceof Error && /pipe|stream|ESPIPE/.test(error.message) ? "refused" : error);
    }
    process.exit(0);
    `,
    { argument: pipe.path },
  );
  assert.ok(["read 5", "refused"].includes(stdout), `${stdout} (${code ?? signal})`);
});

testWithin("/dev/zero gives zeros", async () => {
  await using file = await open("/dev/zero");
  for (const length of [1, 4096, 100_000, 3 << 20]) {
    const bytes = new Uint8Array(length).fill(1);
    assert.equal((await file.read(bytes, 0, length, null)).bytesRead, length, `${length}`);
    assert.ok(bytes.every((byte) => byte === 0));
    assert.equal((await file.readAt(12_345, length)).length, length);
  }
});

testWithin("/dev/urandom gives bytes that differ", async () => {
  await using file = await open("/dev/urandom");
  const [a, b] = await Promise.all([file.readAt(0, 64), file.readAt(0, 64)]);
  assert.equal(a.length, 64);
  assert.notDeepEqual(a, b);
});

testWithin("/dev/null is empty, and takes all", async () => {
  await using file = await open("/dev/null", "r+");
  assert.equal((await file.readAt(0, 10)).length, 0);
  assert.equal((await file.readFile()).length, 0);
  assert.equal((await file.write(new Uint8Array(100_000))).bytesWritten, 100_000);
  await file.writeFile("gone");
});

testWithin("files of /proc that say they are empty are read to their end", async () => {
  for (const path of ["/proc/cpuinfo", "/proc/version", "/proc/sys/fs/aio-max-nr"]) {
    if (!existsSync(path)) continue;
    assert.equal(statSync(path).size, 0);
    await using file = await open(path);
    const content = await file.readFile();
    assert.ok(content.length > 0);
    if (path !== "/proc/cpuinfo") sameBytes(content, readFileSync(path));
  }
});

testWithin("files of /sys are read as they are", async () => {
  const path = "/sys/kernel/mm/transparent_hugepage/enabled";
  if (!existsSync(path)) return;
  await using file = await open(path);
  sameBytes(await file.readFile(), readFileSync(path));
});

testWithin("a file that the kernel's AIO cannot read is read all the same", async () => {
  const path = "/proc/self/limits";
  await using file = await open(path);
  const expected = readFileSync(path);
  sameBytes(await file.readFile(), expected);
  sameBytes(await file.readAt(3, 10), expected.subarray(3, 13));
});

testWithin("many reads that the kernel refuses at submission all come", async () => {
  await using file = await open("/proc/self/limits");
  const reads = Array.from({ length: 700 }, () => file.readAt(0, 10));
  for (const read of reads) assert.equal((await within(read)).length, 10);
});

/** A block device that this process may read. */
function readableDisk(): string | undefined {
  if (!existsSync("/sys/block")) return undefined;
  return readdirSync("/sys/block").find((name) => {
    // Other programs, and other tests, take a loop device away while it is read.
    if (name.startsWith("loop")) return false;
    if (Number(readFileSync(`/sys/block/${name}/size`, "utf8")) < 64) return false;
    try {
      closeSync(openSync(`/dev/${name}`, "r"));
      return true;
    } catch {
      return false;
    }
  });
}

const disk = readableDisk();
const skip = disk === undefined ? "no disk that may be read" : false;
for (const direct of [false, true]) {
  test(`a block device has an end, direct ${direct}`, { skip }, async () => {
    const size = 512 * Number(readFileSync(`/sys/block/${disk}/size`, "utf8"));
    await using file = await open(`/dev/${disk}`, "r", { direct });
    assert.equal((await file.readAt(size - 100, 1000)).length, 100);
    assert.equal((await file.readAt(size - 100, 3 << 20)).length, 100);
    assert.equal((await file.readAt(size, 100)).length, 0);
    let total = 0;
    for await (const { bytes } of file.scan({ start: size - 10_001, blockSize: 4096 })) {
      total += bytes.length;
    }
    assert.equal(total, 10_001);
  });
}

for (const mode of [undefined, "byob"] as const) {
  testWithin(
    `close tells the reader of a pipe that has nothing (${mode ?? "default"})`,
    async () => {
      using pipe = new Pipe();
      // Both ends, so that neither open waits and the pipe has no end.
      const file = await open(pipe.path, "r+");
      const stream = file.readableWebStream();
      const read = mode === "byob"
        ? stream.getReader({ mode }).read(new Uint8Array(100))
        : stream.getReader().read();
      await setTimeout(10);
      const closed = file.close();
      assert.equal((await within(read)).done, true);
      writeFileSync(pipe.path, "now");
      await within(closed);
    },
  );
}
