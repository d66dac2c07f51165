// A runtime that has no descriptor to spare, and lends the only one of a file to another thread:
// meanwhile it refuses synchronous calls and writes, and keeps asynchronous ones waiting. Deno is
// such a runtime; here Node is made to be one, as its functions can be replaced.
import assert from "node:assert/strict";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import process from "node:process";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { AioContext, open } from "../../mod.ts";
import { EAGAIN, EBADF, EDEADLK } from "../../src/abi/errno.ts";
import {
  IOCB_CMD_FDSYNC,
  IOCB_CMD_FSYNC,
  IOCB_CMD_PREAD,
  IOCB_CMD_PWRITE,
} from "../../src/abi/opcodes.ts";
import { RWF_DSYNC } from "../../src/abi/rw_flags.ts";
import { PortableKernel } from "../../src/portable/mod.ts";
import { workers } from "../../src/threads/worker_pool.ts";
import { pattern, sameBytes } from "../support/bytes.ts";
import { PortableContext } from "../support/portable_context.ts";
import { TempFolder } from "../support/temp.ts";
import { within } from "../support/within.ts";

const BYTES = pattern(8192);
/** Enough for whatever does not wait. */
const TURNS = 20;

const bun = process.versions["bun"] !== undefined;
const deno = process.versions["deno"] !== undefined;
const skip = (bun || deno) && "only Node lets its functions be replaced";

type Callback = (...results: unknown[]) => void;
// deno-lint-ignore no-explicit-any
type Functions = Record<string, any>;

/** Two files, and a runtime that is busy with a descriptor until it is free. */
class BusyFile implements Disposable {
  readonly #folder = new TempFolder();
  readonly path: string = this.#folder.join("file");
  readonly other: string = this.#folder.join("other");
  readonly fd: number;
  /** By name, what was replaced. */
  readonly #real: Functions = {};
  #lent: number | undefined;
  #waiting: (() => void)[] = [];
  /** The names of what was refused. */
  readonly refused: string[] = [];

  constructor() {
    fs.writeFileSync(this.path, BYTES);
    fs.writeFileSync(this.other, BYTES);
    this.fd = fs.openSync(this.path, "r+");
    for (const name of ["fstatSync", "readSync", "readvSync", "writeSync", "fsyncSync"]) {
      this.#replace(name, () => {
        this.refused.push(name);
        throw busy();
      });
    }
    for (const name of ["write", "writev"]) {
      this.#replace(name, (_, ...rest) => {
        this.refused.push(name);
        queueMicrotask(() => (rest.at(-1) as Callback)(busy()));
      });
    }
    for (const name of ["read", "readv", "fsync", "fdatasync", "fstat"]) {
      this.#replace(name, (...args) => void this.#waiting.push(() => this.#real[name](...args)));
    }
    syncBuiltinESMExports();
    // In such a runtime the descriptors of the program mean nothing to workers.
    Object.defineProperty(workers(), "ready", { value: () => false, configurable: true });
  }

  /** Replaces a function for the descriptor that is lent. */
  #replace(name: string, refuse: (...args: unknown[]) => void): void {
    const functions = fs as Functions;
    const real = this.#real[name] = functions[name];
    functions[name] = (...args: unknown[]) => (args[0] === this.#lent ? refuse : real)(...args);
  }

  lend(fd: number = this.fd): void {
    this.#lent = fd;
  }

  free(): void {
    this.#lent = undefined;
    for (const call of this.#waiting.splice(0)) call();
  }

  /** Gives the number of the descriptor to the other file. */
  reopen(): void {
    fs.closeSync(this.fd);
    assert.equal(fs.openSync(this.other, "r+"), this.fd);
  }

  [Symbol.dispose](): void {
    this.free();
    delete (workers() as Partial<ReturnType<typeof workers>>).ready;
    Object.assign(fs, this.#real);
    syncBuiltinESMExports();
    fs.closeSync(this.fd);
    this.#folder[Symbol.dispose]();
  }
}

function busy(): Error {
  return Object.assign(new Error("file busy"), { name: "Busy" });
}

async function turns(): Promise<void> {
  for (let count = 0; count < TURNS; count++) await turn();
}

/** The results of `count` requests. */
async function results(context: PortableContext, count: number): Promise<number[]> {
  await within((async () => {
    while (context.unread < count) await turn();
  })());
  assert.equal(context.getevents(0, count, 0), count);
  return context.taken(count).sort((a, b) => a.data - b.data).map(({ res }) => res);
}

/** One request of each kind, with the result that it has if it is done. */
function requests(context: PortableContext, fildes: number): number[] {
  const memory = { fildes, buf: context.dataAddress, nbytes: 4096 };
  context.data.fill(7, 0, 4096);
  context.iocb(0, { ...memory, opcode: IOCB_CMD_PWRITE, offset: 4096 });
  context.iocb(1, { ...memory, opcode: IOCB_CMD_PWRITE, offset: 4096, rwFlags: RWF_DSYNC });
  context.iocb(2, { ...memory, opcode: IOCB_CMD_PREAD, buf: context.dataAddress + 4096 });
  context.iocb(3, { fildes, opcode: IOCB_CMD_FSYNC });
  context.iocb(4, { fildes, opcode: IOCB_CMD_FDSYNC });
  return [4096, 4096, 4096, 0, 0];
}

test(
  "io_submit of a file that the runtime cannot look at is EAGAIN, and no EBADF",
  { skip },
  () => {
    for (const release of ["6.18", "3.4"] as const) {
      using file = new BusyFile();
      const context = new PortableContext({ release });
      context.iocb(0, { fildes: file.fd, buf: context.dataAddress, nbytes: 4096 });
      file.lend();
      assert.equal(context.submit(0), -EAGAIN);
      file.free();
      assert.equal(context.submit(0), 1);
      assert.equal(context.events(1)[0]!.res, 4096);
      fs.closeSync(file.fd);
      assert.equal(context.submit(0), -EBADF);
      assert.equal(fs.openSync(file.path, "r+"), file.fd);
    }
  },
);

test("what was submitted before waits until the file is free", { skip }, async () => {
  using file = new BusyFile();
  const context = new PortableContext();
  const expected = requests(context, file.fd);
  assert.equal(context.submit(0, 1, 2, 3, 4), 5);
  file.lend();
  await turns();
  assert.equal(context.unread, 0);
  file.free();
  assert.deepEqual(await results(context, 5), expected);
  sameBytes(context.data.subarray(4096, 8192), BYTES.subarray(0, 4096));
  sameBytes(fs.readFileSync(file.path).subarray(4096), new Uint8Array(4096).fill(7));
});

test(
  "what waits for the file never goes to another that is opened meanwhile",
  { skip },
  async () => {
    using file = new BusyFile();
    const context = new PortableContext();
    requests(context, file.fd);
    assert.equal(context.submit(0, 1, 2, 3, 4), 5);
    file.lend();
    await turns();
    file.reopen();
    file.free();
    assert.deepEqual(await results(context, 5), Array(5).fill(-EBADF));
    for (const path of [file.path, file.other]) sameBytes(fs.readFileSync(path), BYTES);
  },
);

test("a write that threads refuse is made again, but to no other file", { skip }, async () => {
  for (const end of ["free", "reopen"] as const) {
    using file = new BusyFile();
    const context = new PortableContext();
    requests(context, file.fd);
    assert.equal(context.submit(2, 0), 2);
    const { read } = fs as Functions;
    (fs as Functions)["read"] = (...args: unknown[]) => {
      file.lend();
      read(...args);
    };
    syncBuiltinESMExports();
    await turns();
    assert.deepEqual(file.refused, ["write"]);
    if (end === "reopen") file.reopen();
    file.free();
    const [written] = await results(context, 2);
    assert.equal(written, end === "free" ? 4096 : -EBADF);
    if (end === "reopen") sameBytes(fs.readFileSync(file.other), BYTES);
  }
});

test(
  "behind a sync of a file that is lent by then, it is found to be the same",
  { skip },
  async () => {
    for (const end of ["free", "reopen"] as const) {
      using file = new BusyFile();
      const context = new PortableContext();
      requests(context, file.fd);
      const { fsync } = fs as Functions;
      (fs as Functions)["fsync"] = (fd: number, done: Callback) =>
        fsync(fd, (...results: unknown[]) => {
          file.lend();
          done(...results);
        });
      syncBuiltinESMExports();
      assert.equal(context.submit(3), 1);
      await within((async () => {
        while (file.refused.length === 0) await turn();
      })());
      await turns();
      assert.equal(context.unread, 0);
      if (end === "reopen") file.reopen();
      file.free();
      assert.deepEqual(await results(context, 1), [end === "free" ? 0 : -EBADF]);
    }
  },
);

test("a file of the library is read and written to when it is free", { skip }, async () => {
  using busy = new BusyFile();
  await using context = new AioContext({ kernel: new PortableKernel(), entries: 8 });
  await using file = await open(busy.path, "r+", { context });
  await file.size();
  busy.lend(file.fd);
  const written = file.write(new Uint8Array(100).fill(7));
  const read = file.readAt(4096, 100);
  const synced = file.sync();
  await turns();
  busy.free();
  await within(Promise.all([written, synced]));
  sameBytes(await within(read), BYTES.subarray(4096, 4196));
  sameBytes(fs.readFileSync(busy.path).subarray(0, 100), new Uint8Array(100).fill(7));
  assert.ok(busy.refused.includes("write") || busy.refused.includes("writev"));
});

test("a thread that waits for such a file is told that it waits in vain", { skip }, async () => {
  await using aio = new AioContext({ kernel: new PortableKernel(), entries: 8 });
  using file = new BusyFile();
  const context = new PortableContext();
  context.iocb(0, { fildes: file.fd, buf: context.dataAddress, nbytes: 4096 });
  assert.equal(context.submit(0), 1);
  file.lend();
  assert.equal(context.getevents(1, 1), -EDEADLK);
  assert.equal(context.getevents(1, 1, 5), 0);
  file.free();
  assert.deepEqual(await results(context, 1), [4096]);
  aio.read(file.fd, new Uint8Array(100));
  file.lend();
  assert.equal(aio.wait(1, { timeout: 5 }).length, 0);
  assert.throws(() => aio.wait(), { code: "EAGAIN", syscall: "io_submit" });
  setTimeout(() => file.free(), 5);
  const taken: number[] = [];
  await within((async () => {
    for await (const { res } of aio) taken.push(res);
  })());
  assert.deepEqual(taken, [100]);
});
